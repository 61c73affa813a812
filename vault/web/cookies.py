"""The cookies of a request, kept away from the libraries' parsers.

FastAPI parses every cookie of every request, whether a route asks for one or not, and unquotes each with
``http.cookies``, whose time grew with the square of the length until Python 3.11.10 and 3.12.6 (CVE-2024-7592).
The vault reads one cookie by its exact name, and sets none that needs quotes. So ``set_aside`` takes the header out of
what the app sees, and ``read_cookie`` is the only reader.
"""

import re

from starlette.requests import Request
from starlette.types import Scope

#: Under this key a scope holds the values of its Cookie headers.
_KEY = "vault.cookies"
#: Values that the vault sets; see ``domain.ids.Token``.
_VALUE = re.compile(r"[A-Za-z0-9_-]{1,128}")


def set_aside(scope: Scope) -> None:
    """Move the Cookie headers of a request to where only ``read_cookie`` finds them."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    scope[_KEY] = [value for name, value in headers if name == b"cookie"]
    if scope[_KEY]:
        scope["headers"] = [field for field in headers if field[0] != b"cookie"]


def read_cookie(request: Request, name: str) -> str | None:
    """Return the value of the cookie called ``name``; None where there is none, or several that differ.

    Where a name comes twice, the second may have been set by another host of the same domain, and the order
    says nothing (RFC 6265, section 4.2.2). A value that the vault would not set counts as not sent.
    """
    found = set[str]()
    for header in request.scope.get(_KEY, ()):
        for pair in header.decode("latin-1").split(";"):
            key, _, value = pair.partition("=")
            if key.strip(" \t") == name and _VALUE.fullmatch(value := value.strip(" \t")):
                found.add(value)
    return found.pop() if len(found) == 1 else None
