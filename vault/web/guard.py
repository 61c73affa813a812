"""The outermost layer: headers on every answer, a limit on every body, and a quiet end for broken streams.

Pure ASGI: Starlette's BaseHTTPMiddleware costs most of a small request's time.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault.errors import VaultError
from vault.logs import Log
from vault.web.problems import problem

_LOG = Log(__name__)
#: Largest body of everything but a recording, in bytes.
MAX_BODY = 64 * 1024
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_DEFAULTS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Guard:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """With ``secure`` browsers are told to use https from now on."""
        self._app = app
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=63072000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        limited = receive if _is_recording(scope) else _Limited(receive).receive
        if limited is not receive and _declared(scope) > MAX_BODY:
            answer = problem(
                413, f"A body here has at most {MAX_BODY} bytes.", headers={"Connection": "close"}
            )
            await answer(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, limited, send_guarded)
        except VaultError as error:
            if not started:
                raise
            # The head is gone and the body cannot be finished: the server closes the connection,
            # so that a cut answer never looks like a whole one.
            _LOG.warning("web.stream_broken", error=type(error).__name__)


class _Limited:
    """Counts a body whose length was not declared, or was a lie."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > MAX_BODY:
                raise HTTPException(413, f"A body here has at most {MAX_BODY} bytes.")
        return message


def _is_recording(scope: Scope) -> bool:
    return scope["method"] == "PUT" and "/recordings/" in scope["path"] and "/calls/" in scope["path"]


def _declared(scope: Scope) -> int:
    value = Headers(scope=scope).get("content-length", "0")
    return int(value) if value.isascii() and value.isdigit() else 0
