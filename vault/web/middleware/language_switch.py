"""The language that somebody chose on a page: ``?language=fr`` keeps it in a cookie, and leads back to the page.

It works on every page, signed in or not, without a form or a script. The links of a page have nothing but the language
as their query, so that no page needs to know its own address: what a page of the console was shown with comes back from
the Referer, which no other site gets.
"""

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from vault.web.http.cookies import LANGUAGE, set_own_cookie
from vault.web.http.languages import LANGUAGES
from vault.web.http.routing import Methods

_PAGES: Final = re.compile(r"/console(?:/|$)|/[phs]/")
_CHOICE: Final = re.compile(rb"language=([a-z]{2})")
_SECONDS: Final = 365 * 86400
#: A form's address may have no page of its own: so many folders above it are tried.
_MOST_ABOVE: Final = 3
_HOME: Final = "/console"


class LanguageSwitch:
    """Middleware that answers 303 to a GET that chooses a language."""

    def __init__(self, app: ASGIApp, *, methods: Methods) -> None:
        """Wrap the app, whose routes are in ``methods``."""
        self._app = app
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep the language, or pass the request on."""
        language = _chosen(scope)
        if language is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        response = Response(status_code=303, headers={"Location": self._back(scope, request)})
        set_own_cookie(request, response, LANGUAGE, language, seconds=_SECONDS, same_site="lax")
        await response(scope, receive, send)

    def _back(self, scope: Scope, request: Request) -> str:
        """Return the page on which the language was chosen; the page of a form if the form itself has none."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1").partition("?")[0]
        came = "/" + request.headers.get("referer", "").partition("://")[2].partition("/")[2]
        before, _, query = came.partition("?")
        if before == path and query and self._is_page(scope, path):
            return f"{path}?{query.partition('#')[0]}"
        for _ in range(_MOST_ABOVE):
            if self._is_page(scope, path):
                return path
            path = path.rpartition("/")[0]
        return _HOME

    def _is_page(self, scope: Scope, path: str) -> bool:
        return "GET" in self._methods.of({**scope, "path": path, "raw_path": path.encode("latin-1")})


def _chosen(scope: Scope) -> str | None:
    """Return the language that a request for a page chooses; None if it chooses none."""
    if scope["type"] != "http" or scope["method"] != "GET" or _PAGES.match(scope["path"]) is None:
        return None
    found = _CHOICE.fullmatch(scope["query_string"])
    language = found[1].decode() if found else None
    return language if language in LANGUAGES else None
