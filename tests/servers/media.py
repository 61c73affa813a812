"""A media host on raw sockets, which can be scripted to lie, to drip, to vanish and to flood.

A script gets the connection after the request's head has come and writes what it likes, so that it can
send what no HTTP library would. Everything it opened is closed when the server is left.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(kw_only=True)
class Exchange:
    """One connection whose request's head has come."""

    #: The request line and the header lines, as they came.
    head: bytes
    writer: asyncio.StreamWriter
    #: Bytes that the script has handed to the socket.
    sent: int = 0
    #: Set when the client has closed its side.
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, data: bytes) -> None:
        """Write bytes and wait until the socket has room again."""
        self.writer.write(data)
        await self.writer.drain()
        self.sent += len(data)

    def header(self, name: str) -> str | None:
        """Return one header of the request."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None


Script = Callable[[Exchange], Awaitable[None]]


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return a status line and headers, with the empty line behind them."""
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None) -> Script:
    """Answer honestly, with the length that the body has, unless ``headers`` say another one."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(head(status, {"Content-Length": str(len(body)), **(headers or {})}))
        await exchange.send(body)

    return script


def raw(*pieces: bytes, hang: bool = False) -> Script:
    """Write exactly these bytes; then close, or with ``hang`` stay silent."""

    async def script(exchange: Exchange) -> None:
        for piece in pieces:
            await exchange.send(piece)
        if hang:
            await exchange.gone.wait()

    return script


def drip(first: bytes, pieces: bytes, *, pause: float) -> Script:
    """Write ``first``, then one byte of ``pieces`` after each pause, over and over."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(first)
        while not exchange.gone.is_set():
            for byte in pieces:
                await exchange.send(bytes([byte]))
                await asyncio.sleep(pause)

    return script


def endless(block: bytes = b"x" * 65536) -> Script:
    """Send chunks until the client goes away."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(head(200, {"Transfer-Encoding": "chunked"}))
        while not exchange.gone.is_set():
            await exchange.send(b"%x\r\n" % len(block) + block + b"\r\n")

    return script


class MediaServer:
    """Listens on a free port of loopback. Use it as an async context manager."""

    def __init__(self, *, ssl_context: ssl.SSLContext | None = None) -> None:
        """Speak TLS where a context is given."""
        self.ssl_context = ssl_context
        self.scripts: dict[str, Script] = {}
        #: Every connection that was accepted, whether or not a request came.
        self.connections = 0
        self.exchanges: list[Exchange] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", 0, ssl=self.ssl_context, limit=1 << 20
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and end every script."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def authority(self) -> str:
        """Return the entry of the operator's list that makes this server reachable."""
        return f"127.0.0.1:{self.port}"

    def on(self, path: str, script: Script) -> str:
        """Answer ``path`` with ``script``; return the URL."""
        self.scripts[path] = script
        return f"http://{self.authority}{path}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        except asyncio.CancelledError:
            # The server is left: a task of start_server that ends cancelled is reported as an error.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        exchange = Exchange(head=request, writer=writer)
        self.exchanges.append(exchange)
        path = request.split(b" ", 2)[1].decode("ascii").partition("?")[0]
        watcher = asyncio.create_task(_watch(reader, exchange))
        try:
            await self.scripts[path](exchange)
            if writer.can_write_eof():
                # Our side ends here; that the client then ends its own is for tests to see.
                writer.write_eof()
                await exchange.gone.wait()
        except OSError:
            # Writing to a client that has gone is how a script learns of it first; ending our side of its
            # connection too (ENOTCONN, which is no ConnectionError).
            exchange.gone.set()
        finally:
            watcher.cancel()


async def _watch(reader: asyncio.StreamReader, exchange: Exchange) -> None:
    """Tell the script when the client has gone: a GET sends nothing more."""
    with contextlib.suppress(ConnectionError):
        await reader.read()
    exchange.gone.set()
