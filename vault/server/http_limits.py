"""Requests that never begin or never end: what a stranger's connection may take has a limit in bytes and in time.

uvicorn's protocol has none. Without them one connection fills the memory, or keeps the process from all
others while it reads, and a thousand that say nothing use up what the process may open.
"""

import asyncio
import errno
import json
import socket
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from vault.errors import StartRefused
from vault.web.middleware.request_limits import CUT

#: Bytes of a head, its trailers among it; and of what else is no body: sizes and extensions of a chunk.
_MAX_HEAD_BYTES = 64 * 1024
#: Fields of a head: each of the shortest takes twenty times its bytes.
_FIELDS = 200
#: Requests that wait for the answers of those before them.
_QUEUE = 8
#: Seconds in which a connection brings a whole head, or the rest of a body whose answer it has already.
_HEAD_TIMEOUT = 30.0
#: Seconds that a connection may rest between two requests. Longer than a balancer's own limit, of 60 seconds
#: mostly: else it sends the next request into a connection that is being closed, and answers 502.
_REST = 75
_TITLES = {400: "The request cannot be read", 408: "Too slow", 431: "Too large"}
_NO_UPGRADE = "No request with a body can ask for another protocol. Send it without Upgrade, as HTTP/1.1."


def server_config(app: Any, *, host: str, port: int, stop_seconds: int) -> uvicorn.Config:
    """Return how every process of the vault listens; requests have ``stop_seconds`` to end when it stops."""
    return uvicorn.Config(
        app,
        lifespan="off",
        host=host,
        port=port,
        http=LimitedHttpProtocol,
        ws="none",
        access_log=False,  # It would print tokens in paths.
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_REST,
        timeout_graceful_shutdown=stop_seconds,
    )


def check_address(host: str, port: int, *, options: str) -> None:
    """Raise StartRefused, naming the ``options`` to change, where nobody can listen on that port."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                tried.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartRefused(
                f"Port {port} of {host} is in use by another process. Choose another one with {options}."
            ) from error
        raise StartRefused(
            f"Port {port} of {host} cannot be listened on ({error.strerror}). Choose others with {options}."
        ) from error


class LimitedHttpProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, which closes a connection whose head is too long or too slow."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **more)
        self._head = 0
        self._fields = 0
        self._no_body = 0
        self._in_request = False
        self._why: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more, and answer nothing more."""
        self._wait_no_more()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and count what was read since there last was a body."""
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > _MAX_HEAD_BYTES:
            self._refuse(*_too_long())
        elif not self._answering():
            self._wait()

    def on_message_begin(self) -> None:
        """Count anew for each request of a connection."""
        super().on_message_begin()
        self._head = self._fields = self._no_body = 0

    def on_url(self, url: bytes) -> None:
        """Count the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field of the head or a trailer, and drop a trailer.

        A proxy checks and replaces the fields of the head alone. Merged into them, a trailer would pass for
        what the proxy said, such as X-Forwarded-For (RFC 9110, section 6.5.1).
        """
        self._fields += 1
        self._count(len(name) + len(value))
        if not self._in_request:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Wait no more: from here on the app has its own limits."""
        if len(self.pipeline) >= _QUEUE:
            self._stop(400, f"Up to {_QUEUE} requests wait for the answers of those before them.")
        if self.parser.should_upgrade() and self._has_body():
            # The parser would take the body for the next request.
            self._stop(400, _NO_UPGRADE)
        self._in_request = True
        self._wait_no_more()
        super().on_headers_complete()
        # Its own cycle: requests behind it in the connection have others.
        cast("dict[str, Any]", self.scope)["extensions"] = {CUT: partial(self._cut, self.cycle)}

    def on_body(self, body: bytes) -> None:
        """Count anew behind each part of a body."""
        self._no_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        self._in_request, self._no_body = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Read on once nothing waits for its answer any more."""
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong, as a problem like any other."""
        self._refuse(*(self._why or (400, msg)))

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: whoever may write the head would write into the log, and is answered as if not asked."""

    def _count(self, length: int) -> None:
        self._head += length
        if self._head > _MAX_HEAD_BYTES or self._fields > _FIELDS:
            self._stop(*_too_long())

    def _stop(self, status: int, detail: str) -> None:
        """End the parsing at once: the parser passes an error on as one of its own."""
        self._why = status, detail
        raise ValueError(detail)

    def _has_body(self) -> bool:
        fields = dict(self.headers)
        return b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_HEAD_TIMEOUT, self._too_slow)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._answering():
            # It may bring its next request while this one is still answered.
            self._wait()
        elif self._in_request or not self._no_body:
            # It has its answer, or has asked for nothing: browsers connect in advance.
            self.transport.close()
        else:
            self._refuse(408, f"The head of a request comes within {_HEAD_TIMEOUT:.0f} seconds.")

    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _cut(self, cycle: RequestResponseCycle) -> None:
        """Close the connection in the middle of an answer. What of it was sent still goes out."""
        cycle.disconnected = True
        cycle.message_event.set()
        self.pipeline.clear()
        self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        if not self._answering():
            self.transport.write(_problem(status, detail))
        else:
            if not self.cycle.response_started and not self.pipeline:
                self.transport.write(_problem(status, detail))
            # The app's own answer comes too late, and its body has no end.
            self._cut(self.cycle)
        self.pipeline.clear()
        self.transport.close()


def _too_long() -> tuple[int, str]:
    return 431, f"The head of a request has up to {_MAX_HEAD_BYTES} bytes and {_FIELDS} fields."


def _problem(status: int, detail: str) -> bytes:
    title = _TITLES[status]
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    head = (
        f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[status] + head.encode() + body
