"""Refuse forms of the console that another site sent (cross-site request forgery).

A browser says with ``Sec-Fetch-Site`` where a form comes from, except over plain http to another host than loopback;
there, ``Origin`` must be that of the public URL, never that of the Host header. A request with neither is refused:
no browser leaves both out of a POST whose page has ``Referrer-Policy: same-origin``. Requests that no cookie
authenticates, such as all of REST, are not looked at.
"""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from vault.web.http.html import translated_page
from vault.web.http.languages import language_of
from vault.web.http.translations import gettext, in_language

PREFIX: Final = "/console"
#: For servers of sign-in providers, which send no cookie: their requests carry a signed token.
_WITHOUT_COOKIE: Final = "/console/back-channel/"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class ConsoleGuard:
    """Middleware that answers 403 to unsafe requests of the console from another site."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        """Wrap the app, whose own origin is that of ``public_url``."""
        self._app = app
        self._origin = origin_of(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or pass the request on."""
        if scope["type"] != "http" or not self._is_foreign(scope):
            await self._app(scope, receive, send)
            return
        with in_language(language_of(Request(scope))):
            refused = translated_page(
                "console/message.html",
                status=403,
                title=gettext("This form came from another site"),
                text=gettext("Open the console at its own address, and send the form again."),
                link="/console",
                link_name=gettext("To the console"),
                is_english=False,
            )
        await refused(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        path: str = scope["path"]
        if not is_console(path) or path.startswith(_WITHOUT_COOKIE) or scope["method"] in _SAFE:
            return False
        return not self._is_own(Headers(scope=scope))

    def _is_own(self, headers: Headers) -> bool:
        sites = headers.getlist("sec-fetch-site")
        if sites:
            return sites == ["same-origin"]
        return headers.getlist("origin") == [self._origin]


def is_console(path: str) -> bool:
    """Return whether a path is of the console."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, as a browser writes an Origin: in lower case, without a default port."""
    scheme, _, rest = url.lower().partition("://")
    host = rest.partition("/")[0]
    default = {"http": ":80", "https": ":443"}.get(scheme, "")
    return f"{scheme}://{host.removesuffix(default) if default else host}"
