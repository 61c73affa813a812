"""Heads that are too long or too slow end their own connection, with a problem that says why."""

import asyncio
import dataclasses
import json
import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI, Request

from tests.servers.ports import free_ports
from tests.support.tenant import Tenant
from tests.support.web_house import House, running
from vault.server import http_limits

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of an app that has one page, a slow one, one that reads no body, and one that does."""
    app, (number,) = FastAPI(), free_ports(1)

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.2)
        return "at last"

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    app.get("/")(lambda: "here")
    app.post("/")(lambda: "here")
    with running(app, number):
        yield number


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect, for as long as a test may take."""
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        yield raw


def until_closed(raw: socket.socket, got: bytes = b"") -> bytes:
    """Return all that came, after ``got``, before the server closed; if it has not read everything, by a reset."""
    try:
        while block := raw.recv(4096):
            got += block
    except ConnectionResetError:
        if not got:
            raise
    return got


def status_of(answer: bytes) -> int:
    """Return the status of a whole answer, which is a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-request-id: http_" in head
    said = json.loads(body)
    assert said["detail"]
    assert int(head.split()[1]) == said["status"]
    return int(said["status"])


def test_a_head_may_be_as_long_as_proxies_let_it(port: int) -> None:
    """What is below the limit is answered, also when it comes in pieces."""
    with connected(port) as raw:
        for _ in range(2):
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            for _ in range(6):
                raw.sendall(b"X: " + b"y" * 10_000 + b"\r\n")
                time.sleep(0.01)
            raw.sendall(b"\r\n")
            assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_longer_head_is_refused(port: int) -> None:
    """431, and the connection is closed."""
    with connected(port) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: y")
        for _ in range(8):
            raw.sendall(b"y" * 10_000)
            time.sleep(0.01)
        assert status_of(until_closed(raw)) == 431


def test_what_is_no_http_is_refused(port: int) -> None:
    """400, as a problem."""
    with connected(port) as raw:
        raw.sendall(b"what is this\r\n\r\n")
        assert status_of(until_closed(raw)) == 400


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "second"])
def test_a_head_that_does_not_end_is_refused(
    port: int, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """408 when its time is over, however steadily it comes, on a new connection and on one in use."""
    monkeypatch.setattr(http_limits, "_HEAD_TIMEOUT", 0.5)
    with connected(port) as raw:
        if before:
            raw.sendall(before)
            assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
        raw.sendall(b"GET / HTTP/1.1\r\nX: ")
        raw.settimeout(0.05)
        answer = b""
        while not answer:
            raw.sendall(b"y")
            try:
                answer = raw.recv(4096)
            except TimeoutError:
                continue
        raw.settimeout(20)
        assert status_of(until_closed(raw, answer)) == 408


def test_who_says_nothing_is_told_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that a browser made in advance is closed, without an answer to what it did not ask."""
    monkeypatch.setattr(http_limits, "_HEAD_TIMEOUT", 0.3)
    with connected(port) as raw:
        assert until_closed(raw) == b""


@pytest.mark.parametrize(
    "fields",
    [b"X: " + b"y" * 66_000 + b"\r\n", b"a:\r\n" * 201],
    ids=["long", "many"],
)
def test_a_head_that_comes_at_once_has_the_same_limit(port: int, fields: bytes) -> None:
    """A block that holds it whole is parsed in one step, and is refused as well; so are many short fields."""
    with connected(port) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
        assert status_of(until_closed(raw)) == 431


def test_a_chunk_that_says_too_much_of_itself_is_refused(port: int) -> None:
    """Anyone who waits for the body hears of nothing, and the client gets the refusal."""
    with connected(port) as raw:
        raw.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        for _ in range(8):
            raw.sendall(b"y" * 10_000)
            time.sleep(0.01)
        assert status_of(until_closed(raw)) == 431


def test_requests_behind_each_other_are_answered_in_order(port: int) -> None:
    """As many as wait in the queue, one in front of them, and then the next ones."""
    with connected(port) as raw:
        for _ in range(2):
            raw.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 8)
            got = b""
            while got.count(b"here") < 8:
                got += raw.recv(4096)
            assert got.index(b"at last") < got.index(b"here")


def test_requests_without_end_behind_each_other_are_cut(port: int) -> None:
    """Nobody fills the memory with questions: more than a few that wait end their connection."""
    many = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000_000
    with connected(port) as raw, pytest.raises(ConnectionError):
        raw.sendall(many)


@pytest.mark.parametrize("rest", [b"y", b"y" * 10], ids=["a part of it", "all of it"])
def test_a_body_that_comes_after_its_answer_holds_no_connection(
    port: int, rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answered early, it has its time for the rest; then it is closed, and nothing more is said."""
    monkeypatch.setattr(http_limits, "_HEAD_TIMEOUT", 0.5)
    with connected(port) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        answer = b""
        while b"here" not in answer:
            answer += raw.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")
        raw.sendall(rest)
        began = time.monotonic()
        assert until_closed(raw) == b""
        # It is not uvicorn's own end for connections that nothing is sent on.
        assert time.monotonic() - began < 4


def test_a_slow_answer_is_not_cut(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of heads, not of answers: not even where the next head begins in the meantime."""
    monkeypatch.setattr(http_limits, "_HEAD_TIMEOUT", 0.1)
    with connected(port) as raw:
        raw.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET ")
        answer = b""
        while b"at last" not in answer:
            answer += raw.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_who_asks_for_another_protocol_gets_this_one(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """A websocket's handshake is a plain GET here, and its path, which may hold a token, is in no log."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\n"
    with connected(port) as raw, caplog.at_level(logging.DEBUG):
        raw.sendall(b"GET /?token HTTP/1.1\r\nHost: x\r\n" + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
    # The access log is off wherever the vault runs.
    assert not [one for one in caplog.records if one.name.startswith("uvicorn") and "access" not in one.name]


@pytest.mark.parametrize("length", [b"Content-Length: 36", b"Transfer-Encoding: chunked"])
def test_no_body_behind_another_protocol_is_a_request(port: int, length: bytes) -> None:
    """The parser would take it for one: with Upgrade and a body there is one answer, a refusal."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + length + b"\r\n\r\n"
    with connected(port) as raw:
        raw.sendall(head)
        time.sleep(0.05)
        raw.sendall(b"GET /slow HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        assert status_of(until_closed(raw)) == 400


@pytest.mark.parametrize(
    ("version", "fields", "status"),
    [
        (b"1.1", b"Transfer-Encoding: Chunked\r\n", 200),
        (b"1.1", b"Transfer-Encoding: gzip, chunked\r\n", 400),
        (b"1.1", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"1.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"1.0", b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", 400),
    ],
)
def test_a_body_with_an_unclear_end_is_refused(port: int, version: bytes, fields: bytes, status: int) -> None:
    """And its connection is closed, so that nothing of it is the next request of a proxy's connection."""
    with connected(port) as raw:
        raw.sendall(b"POST /read HTTP/" + version + b"\r\nHost: x\r\n" + fields + b"\r\n1\r\ny\r\n0\r\n\r\n")
        if status == 200:
            assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
        else:
            assert status_of(until_closed(raw)) == status


def with_trailer(start: bytes, trailer: bytes, *fields: bytes) -> bytes:
    """Return a request with a chunked body and a field behind it, as one block."""
    head = b"\r\n".join([start, b"Host: x", b"Transfer-Encoding: chunked", *fields])
    return head + b"\r\n\r\n1\r\ny\r\n0\r\n" + trailer + b"\r\n\r\n"


def status_line(port: int, request: bytes) -> bytes:
    """Send a request and return the beginning of its answer."""
    with connected(port) as raw:
        raw.sendall(request)
        return raw.recv(4096)[:12]


def test_a_trailer_is_no_address_of_the_client(
    house: House, shared: tuple[Tenant, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link's networks are passed by the header that a trusted proxy sets, and not by a trailer that it ignores."""
    proxied = dataclasses.replace(house.app.state.hosting, trusted_proxies=(ip_network("127.0.0.0/8"),))
    monkeypatch.setattr(house.app.state, "hosting", proxied)
    tenant, recording = shared
    path = urlsplit(tenant.link(recording, networks=["192.0.2.0/24"])["url"]).path.encode()
    start, forged = b"POST " + path + b"/open HTTP/1.1", b"X-Forwarded-For: 192.0.2.7"
    port = urlsplit(house.url).port or 0
    for announced in ((), (b"Trailer: X-Forwarded-For",)):
        assert status_line(port, with_trailer(start, forged, *announced)) == b"HTTP/1.1 404"
    assert status_line(port, with_trailer(start, b"X: y", forged)) == b"HTTP/1.1 303"


def test_a_trailer_is_no_api_key(house: House) -> None:
    """A key counts in the head alone, where a proxy can see it."""
    key, port = b"Authorization: Bearer " + house.key.encode(), urlsplit(house.url).port or 0
    start = b"GET /v1/keys HTTP/1.1"
    assert status_line(port, with_trailer(start, key)) == b"HTTP/1.1 401"
    assert status_line(port, with_trailer(start, b"X: y", key)) == b"HTTP/1.1 200"


def test_trailers_count_as_the_head_does(port: int) -> None:
    """They are dropped, and so many short ones that they would take long are refused all the same."""
    many = b"\r\n".join([b"a: b"] * 201)
    with connected(port) as raw:
        raw.sendall(with_trailer(b"POST /read HTTP/1.1", many))
        assert status_of(until_closed(raw)) == 431
    with connected(port) as raw:
        raw.sendall(with_trailer(b"POST /read HTTP/1.1", b"a: b") * 2)
        got = b""
        while got.count(b"HTTP/1.1 200 ") < 2:
            got += raw.recv(4096)


@pytest.mark.parametrize("second", [b"Bearer x", b"Basic x", b""])
def test_two_api_keys_are_none(house: House, second: bytes) -> None:
    """Which of two Authorization fields a proxy has checked is not known here, so neither counts."""
    start, good = b"GET /v1/keys HTTP/1.1\r\nHost: x", b"Authorization: Bearer " + house.key.encode()
    for fields in ((good, b"Authorization: " + second), (b"Authorization: " + second, good)):
        request = b"\r\n".join([start, *fields]) + b"\r\n\r\n"
        assert status_line(urlsplit(house.url).port or 0, request) == b"HTTP/1.1 401"
