"""The outermost layer: headers on every answer, a limit on every body, and a quiet end for broken streams.

Cookies go aside here too, before a library parses them.

Pure ASGI: Starlette's BaseHTTPMiddleware costs most of a small request's time.
"""

import asyncio
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault import metrics
from vault.domain.notices.audio import MAX_UPLOAD
from vault.errors import NotFound, VaultError
from vault.structured_log import Log
from vault.web.http.cookies import set_aside
from vault.web.http.problems import problem

_LOG = Log(__name__)
#: The ASGI extension by which a server closes the connection of a request, without a word in its log. A server that
#: has none closes it when the app returns.
CUT = "callvault.cut"
#: Largest body of everything that is no audio, in bytes.
MAX_BODY = 64 * 1024
#: Seconds that a sender may send nothing of its body before it is given up.
BODY_TIMEOUT = 30.0
#: Where the body is a recording, which has limits of its own. The whole path counts: an account may be
#: named ``recordings``.
_RECORDING = re.compile(r"/v1/accounts/[^/]+/calls/[^/]+/recordings/[^/]+")
#: Where it is what the audio of a notice is made of, which has a limit of its own.
_PROMPT = re.compile(r"/v1/accounts/[^/]+/notices/[^/]+/audio")
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

# Prometheus sees an increase only of what it has seen before.
metrics.RESPONSES.labels("500")


class RequestLimits:
    """Wraps the app."""

    def __init__(self, app: ASGIApp, *, secure: bool, patience: float = BODY_TIMEOUT) -> None:
        """With ``secure`` browsers are told to use https from now on. ``patience`` is in seconds."""
        self._app = app
        self._patience = patience
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=63072000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        set_aside(scope)
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                metrics.RESPONSES.labels(str(message["status"])).inc()
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        if (refused := _refusal(scope)) is not None:
            await refused(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, _Body(receive, _limit(scope), self._patience).receive, send_guarded)
        except Exception as error:
            # Starlette says with an error of its own that this one came too late to be answered.
            broken_by = error if isinstance(error, VaultError) else error.__cause__
            if not started or not isinstance(broken_by, VaultError):
                raise
            # The head is gone and the body cannot be finished: the server closes the connection,
            # so that a cut answer never looks like a whole one.
            if isinstance(broken_by, NotFound):
                # Revoked, restricted, erased or over while it was sent, as it should be.
                _LOG.info("web.stream_ended", error=type(broken_by).__name__)
            else:
                _LOG.warning("web.stream_broken", error=type(broken_by).__name__)
            if (cut := scope.get("extensions", {}).get(CUT)) is not None:
                cut()


class _Body:
    """Counts a body whose length was not declared, or was a lie, and waits only so long for its next byte."""

    def __init__(self, receive: Receive, limit: int | None, patience: float) -> None:
        self._receive = receive
        self._limit = limit
        self._patience = patience
        self._seen = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            # What is still to come is the client's leaving, which may take as long as it likes.
            return await self._receive()
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(
                408, f"No byte of the body came for {self._patience:.0f} seconds.", {"Connection": "close"}
            ) from error
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._seen += len(message.get("body", b""))
            if self._limit is not None and self._seen > self._limit:
                words = f"A body here has at most {self._limit} bytes."
                raise HTTPException(413, words, {"Connection": "close"})
        return message


def _refusal(scope: Scope) -> Response | None:
    """Return the answer to a request that can be refused by its head alone."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        # No name has this character, and PostgreSQL takes it in no text.
        return problem(400, "A path or query here has no NUL character.")
    limit = _limit(scope)
    if limit is not None and _declared(scope) > limit:
        return problem(413, f"A body here has at most {limit} bytes.", headers={"Connection": "close"})
    return None


def _limit(scope: Scope) -> int | None:
    """Return the most bytes of the body; None for a recording."""
    if scope["method"] == "PUT":
        if _RECORDING.fullmatch(scope["path"]):
            return None
        if _PROMPT.fullmatch(scope["path"]):
            return MAX_UPLOAD
    return MAX_BODY


def _declared(scope: Scope) -> int:
    value = Headers(scope=scope).get("content-length", "0")
    return int(value) if value.isascii() and value.isdigit() else 0
