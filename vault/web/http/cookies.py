"""The cookies of a request, hidden from the parsers of the libraries.

FastAPI parses every cookie of every request, even if the route reads none, and unquotes each with ``http.cookies``,
whose time was quadratic in the length before Python 3.11.10 and 3.12.6 (CVE-2024-7592). The vault reads only its
own cookies, and none of them needs quotes. So ``set_aside`` removes the header from the scope that the app sees, and
``cookies_from`` is the only reader.
"""

import re
from typing import Final, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from vault.domain.public_urls import SEPARATOR, PublicUrls

#: Key in the ASGI scope for the values of the Cookie headers.
_KEY = "vault.cookies"
#: The cookie of a session of the console.
CONSOLE: Final = "console"
#: The cookie of the language that somebody chose on a page.
LANGUAGE: Final = "language"
#: Format of the values that the vault sets: ``domain.ids.Token``, and for the console the label of the cell.
_VALUE = re.compile(r"(?:[a-z0-9]{2,12}~)?[A-Za-z0-9_-]{1,128}")


def set_aside(scope: Scope) -> None:
    """Move the request's Cookie headers to a key that only ``cookies_from`` reads."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    scope[_KEY] = [value for name, value in headers if name == b"cookie"]
    if scope[_KEY]:
        scope["headers"] = [field for field in headers if field[0] != b"cookie"]


def own_name(request: Request, name: str) -> str:
    """Return the full name of a cookie: with ``__Host-``, which browsers take over https alone."""
    return f"__Host-{name}" if request.app.state.hosting.secure else name


def set_own_cookie(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    seconds: int,
    same_site: Literal["lax", "strict"],
) -> None:
    """Set the cookie ``own_name``, which no script reads and no other host gets."""
    response.set_cookie(
        own_name(request, name),
        value,
        max_age=seconds,
        path="/",
        secure=request.app.state.hosting.secure,
        httponly=True,
        samesite=same_site,
    )


def delete_own_cookie(request: Request, response: Response, name: str) -> None:
    """Delete the cookie ``own_name``."""
    response.delete_cookie(
        own_name(request, name),
        path="/",
        secure=request.app.state.hosting.secure,
        httponly=True,
        samesite="lax",
    )


def read_cookie(request: Request, name: str) -> str | None:
    """Return the value of the cookie ``name``; None if it is missing or was sent with different values."""
    return cookies_from(request, name).get(name)


def cookies_from(request: Request, prefix: str) -> dict[str, str]:
    """Return the cookies whose names begin with ``prefix``, in the order in which they were sent.

    If a name is sent with two values, one may have been set by another host of the same domain, and the order does not
    tell which (RFC 6265, section 4.2.2): both are ignored. Values in a format that the vault never sets are ignored.
    """
    found: dict[str, str] = {}
    ambiguous = set[str]()
    for header in request.scope.get(_KEY, ()):
        for pair in header.decode("latin-1").split(";"):
            name, _, value = (part.strip(" \t") for part in pair.partition("="))
            if name.startswith(prefix) and _VALUE.fullmatch(value) and found.setdefault(name, value) != value:
                ambiguous.add(name)
    return {name: _bare(request, value) for name, value in found.items() if name not in ambiguous}


def _bare(request: Request, value: str) -> str:
    """Return a value without the label of this cell."""
    if SEPARATOR not in value:
        return value
    urls: PublicUrls = request.app.state.hosting
    return urls.without_label(value)
