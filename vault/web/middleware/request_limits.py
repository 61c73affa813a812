"""Security headers and an id on every response, a limit and a timeout on every body, and the end of broken streams.

Cookies are hidden here too, before a library parses them.

Pure ASGI: Starlette's BaseHTTPMiddleware costs most of a small request's time.
"""

import asyncio
import math
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vault import metrics
from vault.domain.accounts.limits import BURST_SECONDS, Quota
from vault.domain.ids import new_id
from vault.domain.notices.audio import MAX_UPLOAD
from vault.domain.public_urls import PublicUrls
from vault.errors import NotFound, VaultError
from vault.structured_log import HTTP_REQUEST, Log
from vault.web.http.cell_labels import take_label_off
from vault.web.http.cookies import set_aside
from vault.web.http.problems import problem
from vault.web.http.routing import SLASH_MARK, mark_slashes
from vault.web.middleware.console_guard import is_console

_LOG = Log(__name__)
#: ASGI extension with which the server closes a request's connection without logging an error. A server without it
#: closes the connection when the app returns.
CUT = "callvault.cut"
#: Max bytes of a body that is not audio.
MAX_BODY = 64 * 1024
#: Max bytes of a body of SCIM: a group with 2,000 members. Its paths begin so.
MAX_SCIM_BODY = 256 * 1024
_SCIM = "/scim/v2/"
#: Timeout between two parts of a body, in seconds.
BODY_TIMEOUT = 30.0
#: Paths whose body is a recording, which has limits of its own. The whole path is matched: an account may be
#: named ``recordings``.
_RECORDING = re.compile(r"/v1/accounts/[^/]+/calls/[^/]+/recordings/[^/]+")
#: Paths whose body is the source of a notice's audio, which has a limit of its own.
_PROMPT = re.compile(r"/v1/accounts/[^/]+/notices/[^/]+/audio")
#: Forms of the console with a file: the same, and a receipt or proof to verify.
_FORM = re.compile(r"/console/accounts/.+")
_PROMPT_FORM = re.compile(r"/console/accounts/[^/]+/(?:consent/notices/[^/]+/audio|log/verify)")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
#: With no-referrer, a browser sends ``Origin: null`` with the forms of a page, also to the page's own site.
_CONSOLE_HEADERS = {"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"}
_DEFAULTS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

# Prometheus sees the first increase only if the series already exists.
metrics.RESPONSES.labels("500")


class RequestLimits:
    """Middleware that sets headers, limits bodies and ends broken streams."""

    def __init__(
        self, app: ASGIApp, *, secure: bool, urls: PublicUrls | None = None, patience: float = BODY_TIMEOUT
    ) -> None:
        """Wrap the app; ``secure`` adds Strict-Transport-Security. ``patience`` is the body timeout in seconds."""
        self._app = app
        self._urls = urls
        self._timeout = patience
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=63072000"
        self._console_headers = self._headers | _CONSOLE_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request by its head, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Never the client's own: that can be a number or a token, and it stands in the log.
        token = HTTP_REQUEST.set(request_id := new_id("http"))
        try:
            await self._answer(scope, receive, send, request_id)
        finally:
            HTTP_REQUEST.reset(token)

    def _prepare(self, scope: Scope) -> None:
        """Let the routes see neither cookies nor escaped slashes nor the label of the cell."""
        set_aside(scope)
        mark_slashes(scope)
        take_label_off(scope, self._urls)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        refused = _refusal(scope)
        self._prepare(scope)
        started = False

        async def send_guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                metrics.RESPONSES.labels(str(message["status"])).inc()
                headers = MutableHeaders(scope=message)
                headers.update(self._console_headers if is_console(scope["path"]) else self._headers)
                headers["X-Request-Id"] = request_id
                if (quota := scope.get("state", {}).get("quota")) is not None:
                    headers.update(_rate_limit(quota))
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        if (refused := refused or _too_large(scope)) is not None:
            await refused(scope, receive, send_guarded)
            return
        try:
            body = _Body(receive, _limit(scope), self._timeout, declared=_declared(scope))
            await self._app(scope, body.receive, send_guarded)
        except Exception as error:
            # Starlette wraps an error that was raised after the response had started.
            broken_by = error if isinstance(error, VaultError) else error.__cause__
            if not started or not isinstance(broken_by, VaultError):
                raise
            # The head was sent and the body cannot be finished: the server closes the connection,
            # so that a truncated response never looks complete.
            if isinstance(broken_by, NotFound):
                # Expected: revoked, restricted, erased or ended during the response.
                _LOG.info("web.stream_ended", error=type(broken_by).__name__)
            else:
                _LOG.warning("web.stream_broken", error=type(broken_by).__name__)
            if (cut := scope.get("extensions", {}).get(CUT)) is not None:
                cut()


class _Body:
    """Enforces the size limit, whatever Content-Length says, and the timeout between two parts of the body."""

    def __init__(self, receive: Receive, limit: int | None, timeout: float, *, declared: int) -> None:
        self._receive = receive
        self._declared = declared
        self._limit = limit
        self._timeout = timeout
        self._seen = 0
        self._complete = False

    async def receive(self) -> Message:
        if self._complete:
            # The only message left is the disconnect, which has no timeout.
            return await self._receive()
        if self._limit is not None and self._declared > self._limit:
            raise _over(self._limit)
        try:
            async with asyncio.timeout(self._timeout):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(
                408, f"No data of the body received for {self._timeout:.0f} seconds.", {"Connection": "close"}
            ) from error
        if message["type"] == "http.request":
            self._complete = not message.get("more_body", False)
            self._seen += len(message.get("body", b""))
            if self._limit is not None and self._seen > self._limit:
                raise _over(self._limit)
        return message


def _over(limit: int) -> HTTPException:
    return HTTPException(413, f"The body must have at most {limit} bytes.", {"Connection": "close"})


def _rate_limit(quota: Quota) -> dict[str, str]:
    """Return the headers of draft-ietf-httpapi-ratelimit-headers-11; their names and values are Structured Fields."""
    return {
        "RateLimit-Policy": f'"requests";q={quota.full};w={BURST_SECONDS}',
        "RateLimit": f'"requests";r={quota.left};t={math.ceil(quota.full_in)}',
    }


def _refusal(scope: Scope) -> Response | None:
    """Return the error response for a request that can be refused by its head; None if it is accepted."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        # No name contains NUL, and PostgreSQL accepts it in no text.
        return problem(400, "The path and the query must not contain a NUL character.")
    if SLASH_MARK in scope["path"]:
        return problem(400, "The path must not contain control characters.")
    return None


def _too_large(scope: Scope) -> Response | None:
    """Return the error response for a body that declares to be too large; None if it is accepted.

    The route of webhooks refuses it itself, before it is read, and notes so in its delivery log.
    """
    limit = None if scope["path"].startswith("/webhooks/") else _limit(scope)
    if limit is not None and _declared(scope) > limit:
        return problem(413, f"The body must have at most {limit} bytes.", headers={"Connection": "close"})
    return None


def _limit(scope: Scope) -> int | None:
    """Return the max bytes of the body; None for a recording."""
    if scope["method"] == "PUT":
        if _RECORDING.fullmatch(scope["path"]):
            return None
        if _PROMPT.fullmatch(scope["path"]):
            return MAX_UPLOAD
    if scope["method"] == "POST" and _PROMPT_FORM.fullmatch(scope["path"]):
        return MAX_UPLOAD + MAX_BODY
    if scope["path"].startswith(_SCIM):
        return MAX_SCIM_BODY
    # A form that comes back after a sign-in is sealed, and longer than what was typed.
    return 2 * MAX_BODY if scope["method"] == "POST" and _FORM.fullmatch(scope["path"]) else MAX_BODY


def _declared(scope: Scope) -> int:
    value = Headers(scope=scope).get("content-length", "0")
    return int(value) if value.isascii() and value.isdigit() else 0
