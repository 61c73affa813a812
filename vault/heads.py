"""Heads of requests that never end: what is not yet a request of anybody has a limit in bytes and in time.

uvicorn's protocol has neither. Without them one connection of a stranger fills the memory, or keeps the
process from all others while it reads, and a thousand that say nothing use up what the process may open.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

#: Bytes of a head, or of what else is no body: sizes and extensions of a chunk, and trailers.
_LONGEST = 64 * 1024
#: Seconds in which a connection brings a whole head.
_PATIENCE = 30.0
_TITLES = {400: "The request cannot be read", 408: "Too slow", 431: "Too large"}


class BoundedHeads(HttpToolsProtocol):
    """uvicorn's own protocol, which closes a connection whose head is too long or too slow."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """Take what uvicorn gives."""
        super().__init__(*args, **more)
        self._no_body = 0
        self._in_request = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and count what was read since there last was a body."""
        if not self._in_request:
            self._wait()
        self._no_body += len(data)
        super().data_received(data)
        if self._no_body > _LONGEST:
            self._refuse(431, f"The head of a request has up to {_LONGEST} bytes.")

    def on_message_begin(self) -> None:
        """Count anew for each request of a connection."""
        super().on_message_begin()
        self._no_body = 0
        self._wait()

    def on_headers_complete(self) -> None:
        """Wait no more: from here on the app has its own limits."""
        self._in_request = True
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count anew behind each part of a body."""
        self._no_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Be ready for the next request."""
        self._in_request, self._no_body = False, 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that it is no HTTP, as a problem like any other."""
        self._refuse(400, msg)

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(_PATIENCE, self._too_slow)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._answering():
            # It may bring its next request while this one is still answered.
            self._wait()
        elif not self._no_body:
            # Browsers connect in advance, and have asked for nothing.
            self.transport.close()
        else:
            self._refuse(408, f"The head of a request comes within {_PATIENCE:.0f} seconds.")

    def _answering(self) -> bool:
        return bool(self.cycle) and not self.cycle.response_complete

    def _refuse(self, status: int, detail: str) -> None:
        if self.transport.is_closing():
            return
        if not self._answering():
            # In the middle of another answer nothing can be said.
            self.transport.write(_problem(status, detail))
        self.transport.close()


def _problem(status: int, detail: str) -> bytes:
    title = _TITLES[status]
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
    head = (
        f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return STATUS_LINE[status] + head.encode() + body
