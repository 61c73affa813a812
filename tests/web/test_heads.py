"""Heads that are too long or too slow end their own connection, with a problem that says why."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI

from tests.servers.ports import free_ports
from tests.web.conftest import running
from vault import heads

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server of an app that has one page."""
    app, (number,) = FastAPI(), free_ports(1)
    app.get("/")(lambda: "here")
    with running(app, number):
        yield number


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """Connect, for as long as a test may take."""
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        yield raw


def until_closed(raw: socket.socket) -> bytes:
    """Return all that comes before the server closes."""
    got = b""
    while block := raw.recv(4096):
        got += block
    return got


def status_of(answer: bytes) -> int:
    """Return the status of a whole answer, which is a problem."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
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
    monkeypatch.setattr(heads, "_PATIENCE", 0.5)
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
        assert status_of(answer + until_closed(raw)) == 408


def test_who_says_nothing_is_told_nothing(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that a browser made in advance is closed, without an answer to what it did not ask."""
    monkeypatch.setattr(heads, "_PATIENCE", 0.3)
    with connected(port) as raw:
        assert until_closed(raw) == b""
