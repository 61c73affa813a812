"""Limits for unauthenticated connections: the size of a head, the number of its fields, and timeouts.

uvicorn's protocol has none. Without them one connection can fill the memory or block the event loop while it is parsed,
and a thousand idle connections use up the process's file descriptors.
"""

import asyncio
import errno
import json
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from vault.domain.ids import new_id
from vault.errors import StartRefused
from vault.web.http.problem_types import document_of
from vault.web.middleware.request_limits import CUT

#: Max bytes of a head including trailers; also of other bytes that are not body: chunk sizes and extensions.
_MAX_HEAD_BYTES = 64 * 1024
#: Max fields of a head: a shortest field takes twenty times its bytes in memory.
_MAX_FIELDS = 200
#: Max pipelined requests that wait for earlier responses.
_MAX_PIPELINED = 8
#: Timeout for a whole head, and for the rest of a body whose response was already sent, in seconds.
_HEAD_TIMEOUT = 30.0
#: Keep-alive timeout in seconds. It must exceed the load balancer's, mostly 60 seconds: otherwise the balancer sends a
#: request into a connection that is being closed, and answers 502.
_KEEP_ALIVE = 75
_NO_UPGRADE = (
    "A request with a body must not ask for an upgrade. Send it without the Upgrade field, as HTTP/1.1."
)
_CODINGS = "Transfer-Encoding must be chunked, in one field of an HTTP/1.1 request."


def server_config(app: Any, *, host: str, port: int, stop_seconds: int) -> uvicorn.Config:
    """Return the uvicorn configuration of every process; ``stop_seconds`` is the timeout for requests at a shutdown."""
    return uvicorn.Config(
        app,
        lifespan="off",
        host=host,
        port=port,
        http=LimitedHttpProtocol,
        ws="none",
        access_log=False,  # It would log paths, which contain tokens.
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=stop_seconds,
    )


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvicorn's choice of an event loop, which is uvloop, also for a process that serves nothing."""
    return uvicorn.Config(app="", log_config=None).get_loop_factory()


def check_address(host: str, port: int, *, options: str) -> None:
    """Check that the port can be listened on. Raises StartRefused, which names the ``options`` to change."""
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
    """uvicorn's protocol, with the limits of this module."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """Pass uvicorn's arguments on."""
        super().__init__(*args, **more)
        self._head = 0
        self._fields = 0
        self._no_body = 0
        self._in_request = False
        self._why: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout for the first head."""
        super().connection_made(transport)
        self._start_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout and drop pipelined requests."""
        self._stop_timeout()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data, and count the bytes since the last part of a body."""
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > _MAX_HEAD_BYTES:
            self._refuse(*_too_long())
        elif not self._answering():
            self._start_timeout()

    def on_message_begin(self) -> None:
        """Reset the counters for each request."""
        super().on_message_begin()
        self._head = self._fields = self._no_body = 0

    def on_url(self, url: bytes) -> None:
        """Count the bytes of the URL."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a field of the head or a trailer, and drop a trailer.

        A proxy checks and replaces only the fields of the head. If trailers were merged into them, a client could
        forge a field of the proxy, such as X-Forwarded-For (RFC 9110, section 6.5.1).
        """
        self._fields += 1
        self._count(len(name) + len(value))
        if not self._in_request:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Stop the timeout: from here on the app's limits apply."""
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._stop(400, f"At most {_MAX_PIPELINED} pipelined requests may wait for earlier responses.")
        if not self._is_coded_clearly():
            self._stop(400, _CODINGS)
        if self.parser.should_upgrade() and self._has_body():
            # The parser would read the body as the next request.
            self._stop(400, _NO_UPGRADE)
        self._in_request = True
        self._stop_timeout()
        super().on_headers_complete()
        # Bound to this request's cycle: pipelined requests have cycles of their own.
        cast("dict[str, Any]", self.scope)["extensions"] = {CUT: partial(self._cut, self.cycle)}

    def on_body(self, body: bytes) -> None:
        """Reset the counter of bytes that are not body."""
        self._no_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Reset the state for the next request."""
        self._in_request, self._no_body = False, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Resume reading only when no pipelined request is waiting."""
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem document."""
        self._refuse(*(self._why or (400, msg)))

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing, because any client could fill the log; the upgrade is ignored."""

    def _count(self, length: int) -> None:
        self._head += length
        if self._head > _MAX_HEAD_BYTES or self._fields > _MAX_FIELDS:
            self._stop(*_too_long())

    def _stop(self, status: int, detail: str) -> None:
        """Abort the parsing: the parser reports the exception as its own error."""
        self._why = status, detail
        raise ValueError(detail)

    def _has_body(self) -> bool:
        fields = dict(self.headers)
        return b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"

    def _is_coded_clearly(self) -> bool:
        """Return whether every server finds the same end of the body, and the body is what was sent (RFC 9112, 6.1).

        The parser takes codings before ``chunked``, which nobody decodes, and chunks in HTTP/1.0, where a proxy may see
        no body and take it for the next request.
        """
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        return not codings or (codings == [b"chunked"] and self.parser.get_http_version() == "1.1")

    def _start_timeout(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_HEAD_TIMEOUT, self._too_slow)

    def _stop_timeout(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._answering():
            # The client may send its next request during the response, so the timeout starts again.
            self._start_timeout()
        elif self._in_request or not self._no_body:
            # The response was sent, or there was no request: browsers open connections in advance.
            self.transport.close()
        else:
            self._refuse(408, f"No complete request head received within {_HEAD_TIMEOUT:.0f} seconds.")

    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _cut(self, cycle: RequestResponseCycle) -> None:
        """Close the connection in the middle of a response. Bytes already written are still sent."""
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
            # The app's response comes too late, and its body cannot be completed.
            self._cut(self.cycle)
        self.pipeline.clear()
        self.transport.close()


def _too_long() -> tuple[int, str]:
    return 431, f"A request head must have at most {_MAX_HEAD_BYTES} bytes and {_MAX_FIELDS} fields."


def _problem(status: int, detail: str) -> bytes:
    body = json.dumps(document_of(status, detail)).encode()
    head = (
        f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        f"x-request-id: {new_id('http')}\r\n\r\n"
    )
    return STATUS_LINE[status] + head.encode() + body
