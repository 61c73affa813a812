"""The fetcher against a host that lies, drips, vanishes, floods and answers oddly."""

import asyncio
import ipaddress
import socket
import threading
from contextlib import aclosing
from typing import Any

import pytest

from tests.servers.media import MediaServer, Script, answer, drip, head, raw
from tests.telephony.fetching import BODY, CHUNKED, NO_TLS, fails, fetcher_for, get
from vault.domain.calls.provider_api import MediaRequest
from vault.errors import FetchFailed
from vault.telephony.http.checked_network import resolve
from vault.telephony.http.client import GuardedHttp
from vault.telephony.http.download import MediaFetcher
from vault.telephony.http.limits import Limits

pytestmark = pytest.mark.faults


async def test_the_request_is_plain_and_carries_the_credentials(server: MediaServer) -> None:
    """Path and query arrive as written; nothing invites an encoding, and our headers win."""
    url = server.on("/a%20b", answer(BODY))
    headers = {"Authorization": "Basic eDp5", "Accept-Encoding": "gzip", "host": "evil.example"}
    assert await get(fetcher_for(server), url + "?x=%2F#fragment", headers) == BODY
    exchange = server.exchanges[0]
    assert exchange.head.startswith(b"GET /a%20b?x=%2F HTTP/1.1\r\n")
    assert exchange.header("host") == server.authority
    assert exchange.header("accept-encoding") == "identity"
    assert exchange.header("authorization") == "Basic eDp5"
    assert exchange.header("connection") == "close"
    assert exchange.head.lower().count(b"host:") == 1


async def test_credentials_that_are_no_header_are_refused(server: MediaServer) -> None:
    """A line break or a letter beyond ASCII in a credential does not reach the wire."""
    url = server.on("/a", answer(BODY))
    for value in ("Bearer ü", "Bearer a\r\nX-Evil: 1"):
        with pytest.raises(FetchFailed) as failed:
            await get(fetcher_for(server), url, {"Authorization": value})
        assert "Bearer" not in str(failed.value)
    assert server.exchanges == []


async def test_chunks_are_joined(server: MediaServer) -> None:
    """Without a length the body is whole when its last chunk came."""
    url = server.on("/a", raw(CHUNKED, b"3\r\nabc\r\n", b"1;x=y\r\nd\r\n", b"0\r\nTrailer: 1\r\n\r\n"))
    request = MediaRequest(url=url, headers={}, hosts=())
    async with fetcher_for(server).fetch(request) as fetched, aclosing(fetched.blocks()) as blocks:
        assert fetched.length is None
        assert b"".join([block async for block in blocks]) == b"abcd"


@pytest.mark.parametrize(
    ("status", "final"),
    [(status, False) for status in (202, 204, 206, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504)]
    + [(status, True) for status in (300, 304, 305, 400, 402, 405, 410, 451, 416)],
)
async def test_a_status_says_whether_trying_again_helps(
    server: MediaServer, status: int, *, final: bool
) -> None:
    """Not yet, too busy and broken may pass; elsewhere, gone and wrong do not."""
    assert str(status) in await fails(server, answer(b"", status=status), final=final)


@pytest.mark.parametrize(
    "encoding", ["gzip", "br", "zstd", "deflate", "GZIP, gzip", "aws-chunked", "identity"]
)
async def test_an_encoded_body_is_refused_before_it_is_read(server: MediaServer, encoding: str) -> None:
    """No encoding was asked for, and any could unpack to terabytes."""
    script = answer(b"\x1f\x8b" + bytes(100), headers={"Content-Encoding": encoding})
    assert "Content-Encoding" in await fails(server, script, final=True)


@pytest.mark.parametrize(
    ("script", "final"),
    [
        (raw(head(200, {"Content-Length": "11"}), b"0123456789"), False),
        (raw(head(200, {"Content-Length": "5000000000"})), True),
        (raw(head(200, {"Content-Length": "ten"}), b"0123456789"), False),
        (raw(head(200, {"Content-Length": "-1"}), b"0123456789"), False),
        (raw(head(200, {"Content-Length": "9"})[:-2], b"Content-Length: 10\r\n\r\n", b"0123456789"), False),
        (
            raw(
                head(200, {"Content-Length": "3"})[:-2], CHUNKED.split(b"\r\n", 1)[1], b"1\r\na\r\n0\r\n\r\n"
            ),
            False,
        ),
        (raw(head(200, {"Transfer-Encoding": "gzip, chunked"}), b"0\r\n\r\n"), False),
        (raw(CHUNKED, b"a\r\n01234"), False),
        (raw(CHUNKED, b"a\r\n0123456789\r\n"), False),
        (raw(CHUNKED, b"zz\r\n"), False),
        (raw(CHUNKED, b"a" + b";" * 200_000, b"\r\n"), False),
        (raw(CHUNKED, b"0\r\n" + b"X: y\r\n" * 40_000, b"\r\n"), False),
        (raw(b""), False),
        (raw(b"HTTP/1.1 200"), False),
        (raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), False),
        (raw(b"SSH-2.0-OpenSSH\r\n"), False),
        (raw(b"\x16\x03\x01\x02\x00\x01"), False),
        (raw(b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n"), False),
    ],
)
async def test_a_lying_or_broken_answer_is_never_taken_for_whole(
    server: MediaServer, script: Script, *, final: bool
) -> None:
    """Too short, contradicting, malformed, cut: each is a failure, and none is any other error."""
    await fails(server, script, final=final)


async def test_bytes_beyond_the_declared_length_are_not_media(server: MediaServer) -> None:
    """What follows the declared length is dropped with the connection."""
    url = server.on("/a", raw(head(200, {"Content-Length": "4"}), b"abcdHTTP/1.1 200 OK\r\n\r\nevil"))
    assert await get(fetcher_for(server), url) == b"abcd"
    await server.exchanges[0].gone.wait()


@pytest.mark.parametrize(
    "headers",
    [
        {f"X-{n}": "y" for n in range(200)},
        {"X": "y" * 40_000},
        {"X": "y" * 10_000_000},
    ],
)
async def test_a_huge_head_is_refused(server: MediaServer, headers: dict[str, str]) -> None:
    """Too many fields, too many bytes, and ten megabytes that are never buffered."""
    url = server.on("/a", raw(head(200, headers), BODY))
    with pytest.raises(FetchFailed) as failed:
        await get(fetcher_for(server), url)
    await server.exchanges[-1].gone.wait()
    assert server.exchanges[-1].sent < 10_000_000
    assert not failed.value.host_down


@pytest.mark.parametrize(
    ("script", "down"),
    [
        (raw(b""), True),
        (raw(b"HTTP/1.1 200 OK\r\n"), True),
        (raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), False),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"), False),
    ],
)
async def test_a_host_that_answers_anything_is_not_down(
    server: MediaServer, script: Script, down: bool
) -> None:
    """Other recordings wait for a host that hangs up before its answer, and not for one whose answer is not HTTP."""
    with pytest.raises(FetchFailed) as failed:
        await get(fetcher_for(server), server.on("/a", script))
    assert (failed.value.host_down, failed.value.final) == (down, False)


async def test_endless_interim_answers_end_with_the_heads_deadline(server: MediaServer) -> None:
    """A host that only ever says that it will continue is left."""
    script = drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0)
    assert "in time" in await fails(server, script, final=False, head=0.2)


@pytest.mark.parametrize(
    "script",
    [
        raw(hang=True),
        raw(b"HTTP/1.1 200 OK\r\n", hang=True),
        drip(b"HTTP/1.1 200 OK\r\nX: ", b"yyyy", pause=0.01),
    ],
)
async def test_a_head_that_does_not_end_is_left(server: MediaServer, script: Script) -> None:
    """Silence and a byte now and then meet the same deadline."""
    assert "in time" in await fails(server, script, final=False, head=0.2)


async def test_a_body_that_falls_silent_is_left(server: MediaServer) -> None:
    """The idle limit counts from the last byte."""
    script = raw(head(200, {"Content-Length": "10"}), b"12345", hang=True)
    assert "slowly" in await fails(server, script, final=False, idle=0.1)


async def test_a_dripping_body_meets_the_window(server: MediaServer) -> None:
    """A byte before every idle limit does not keep a worker."""
    script = drip(head(200, {"Content-Length": "1000000"}), b"a", pause=0.01)
    assert "slowly" in await fails(server, script, final=False, window=0.2, window_bytes=4096)


async def test_dripping_chunk_extensions_are_no_progress(server: MediaServer) -> None:
    """Bytes on the wire that are none of the body do not feed the clocks."""
    script = drip(CHUNKED + b"1", b";", pause=0.01)
    assert "slowly" in await fails(server, script, final=False, idle=0.2)


async def test_a_body_in_good_pace_still_has_an_end(server: MediaServer) -> None:
    """The rate of the whole counts where every window is kept."""
    script = drip(head(200, {"Content-Length": "1000"}), b"a", pause=0.01)
    assert "slowly" in await fails(server, script, final=False, grace=0.2, rate=1e9, window_bytes=0)


async def test_a_name_that_is_not_resolved_in_time_is_left() -> None:
    """The resolver has its own deadline, and its errors become ours."""

    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def unknown(_host: str, _port: int) -> list[str]:
        raise OSError("no such name as media.example")

    async def nothing(_host: str, _port: int) -> list[str]:
        return []

    for resolver in (never, unknown, nothing):
        fetcher = MediaFetcher(GuardedHttp(limits=Limits(dns=0.1), resolver=resolver, ssl_context=NO_TLS))
        with pytest.raises(FetchFailed) as failed:
            await get(fetcher, "https://media.example/a")
        assert not failed.value.final
        assert "media" not in str(failed.value)


async def test_a_closed_port_can_be_tried_again() -> None:
    """A connection that is refused is no verdict on the media."""
    async with MediaServer() as server:
        fetcher, url = fetcher_for(server), server.on("/a", answer())
    with pytest.raises(FetchFailed) as failed:
        await get(fetcher, url)
    assert not failed.value.final
    assert str(server.port) not in str(failed.value)


async def test_the_operators_list_is_exact(server: MediaServer) -> None:
    """Another port of a listed host, and another name of a listed address, are foreign."""
    url = server.on("/a", answer(BODY))
    assert ipaddress.ip_address("127.0.0.1").is_loopback
    for allow in (f"127.0.0.1:{server.port + 1}", f"localhost:{server.port}", f"127.0.0.2:{server.port}"):
        with pytest.raises(FetchFailed) as failed:
            await get(MediaFetcher(GuardedHttp(allow=[allow], ssl_context=NO_TLS)), url)
        assert failed.value.final
    assert server.connections == 0


async def test_names_that_are_not_resolved_delay_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty lookups hang in the system's resolver: another name is resolved, and the loop's own threads are free."""
    go_on, asked = threading.Event(), list[str]()
    system = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        if host.endswith(".slow.example"):
            go_on.wait()
            raise OSError
        return system("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    hanging = [asyncio.create_task(resolve(f"n{number}.slow.example", 443)) for number in range(40)]
    try:
        async with asyncio.timeout(20):
            assert await resolve("quick.example", 443) == ["127.0.0.1"]
            await asyncio.to_thread(len, asked)
        assert not any(task.done() for task in hanging)
    finally:
        go_on.set()
        await asyncio.gather(*hanging, return_exceptions=True)
    assert len(asked) == 41
