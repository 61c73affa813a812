"""The HTTP server of a simulated provider: HTTP/1.1 on loopback; it records every request.

It is plain asyncio, with one request per connection, and independent of the provider, whose rules are in
``answer``. It responds to an invalid request with 400, and to an internal error with 500, so that a test
gets a response and not a timeout.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from vault.errors import Unavailable
from vault.simulator.exchange import Reply, VaultRequest

_HEAD, _BODY = 64 * 1024, 1024 * 1024
_SECONDS = 30.0
Answer = Callable[[VaultRequest], Reply]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and the status of its response."""

    method: str
    path: str
    status: int


@dataclass(slots=True)
class ProviderServer:
    """A running server."""

    #: Its address, as in VAULT_MEDIA_ALLOW.
    authority: str
    #: All exchanges, in order.
    exchanges: list[Exchange] = field(default_factory=list)
    answer: Answer = field(default=lambda _asked: Reply(status=404))

    @property
    def base(self) -> str:
        """Return the base URL, without a trailing slash."""
        return f"http://{self.authority}"


@asynccontextmanager
async def provider_server(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[ProviderServer]:
    """Run the server until the end of the block; the caller sets ``answer``. Raises Unavailable."""
    running = ProviderServer(authority="")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
                async with asyncio.timeout(_SECONDS):
                    await _serve(running, reader, writer)
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(serve, host, port, limit=_HEAD)
    except OSError as error:
        raise Unavailable(
            f"The simulator cannot listen on {host}:{port} ({error.strerror}). Choose another --listen."
        ) from error
    async with server:
        running.authority = f"{host}:{server.sockets[0].getsockname()[1]}"
        yield running


async def _serve(running: ProviderServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    method, path = "?", "?"
    try:
        asked = await _read(reader)
        method, path = asked.method, asked.path
        reply = running.answer(asked)
    except (ValueError, asyncio.LimitOverrunError):
        reply = Reply(status=400)
    except Exception:
        running.exchanges.append(Exchange(method, path, 500))
        writer.write(_head(Reply(status=500)))
        raise
    running.exchanges.append(Exchange(method, path, reply.status))
    writer.write(_head(reply) + (b"" if method == "HEAD" else reply.body))
    await writer.drain()


async def _read(reader: asyncio.StreamReader) -> VaultRequest:
    """Read one request. Raises ValueError if it is invalid."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head[:-4].split("\r\n")
    method, target, _version = line.split(" ")
    headers: dict[str, str] = {}
    for each in lines:
        name, colon, value = each.partition(":")
        if not colon or name.lower() in headers:
            raise ValueError("A header must be a name and a value, and must not be repeated.")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _BODY:
        raise ValueError("The body is too long.")
    parts = urlsplit(target)
    return VaultRequest(
        method=method,
        path=parts.path,
        query=parse_qsl(parts.query, keep_blank_values=True),
        headers=headers,
        body=await reader.readexactly(length),
    )


def _head(reply: Reply) -> bytes:
    lines = [
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
        f"Content-Type: {reply.content_type}",
        # A 204 has no body and no Content-Length (RFC 9110, section 8.6).
        *([] if reply.status == HTTPStatus.NO_CONTENT else [f"Content-Length: {len(reply.body)}"]),
        *(f"{name}: {value}" for name, value in reply.headers.items()),
        "Connection: close",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
