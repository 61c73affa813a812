"""The cookies of a request, kept away from the libraries' parsers.

FastAPI parses every cookie of every request, whether a route asks for one or not, and unquotes each with
``http.cookies``, whose time grew with the square of the length until Python 3.11.10 and 3.12.6 (CVE-2024-7592).
The vault reads its own cookies alone, and sets none that needs quotes. So ``set_aside`` takes the header out of
what the app sees, and ``cookies_from`` is the only reader.
"""

import re

from starlette.requests import Request
from starlette.types import Scope

#: Under this key a scope holds the values of its Cookie headers.
_KEY = "vault.cookies"
#: Values that the vault sets; see ``domain.ids.Token``.
_VALUE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def set_aside(scope: Scope) -> None:
    """Move the Cookie headers of a request to where only ``cookies_from`` finds them."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    scope[_KEY] = [value for name, value in headers if name == b"cookie"]
    if scope[_KEY]:
        scope["headers"] = [field for field in headers if field[0] != b"cookie"]


def read_cookie(request: Request, name: str) -> str | None:
    """Return the value of the cookie called ``name``; None where there is none, or several that differ."""
    return cookies_from(request, name).get(name)


def cookies_from(request: Request, prefix: str) -> dict[str, str]:
    """Return the cookies whose names begin with ``prefix``, in the order in which they were sent.

    Where a name comes twice with two values, the second may have been set by another host of the same domain, and the
    order says nothing (RFC 6265, section 4.2.2): neither counts. A value that the vault would not set counts as not
    sent.
    """
    found: dict[str, str] = {}
    twofold = set[str]()
    for header in request.scope.get(_KEY, ()):
        for pair in header.decode("latin-1").split(";"):
            name, _, value = (part.strip(" \t") for part in pair.partition("="))
            if name.startswith(prefix) and _VALUE.fullmatch(value) and found.setdefault(name, value) != value:
                twofold.add(name)
    return {name: value for name, value in found.items() if name not in twofold}
