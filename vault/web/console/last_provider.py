"""The connection by which a browser signed in last, so that the sign-in page leads there when the session is over.

It is no secret: the id is in the address that an administrator gives to people.
"""

import re
from typing import Final

from fastapi import Request, Response

from vault.web.http.cookies import own_name, read_cookie, set_own_cookie

_COOKIE: Final = "provider"
_ID: Final = re.compile(r"idp_[0-9a-f]{32}")
_SECONDS: Final = 90 * 24 * 3600


def remember_provider(request: Request, response: Response, connection_id: str) -> None:
    """Set the cookie."""
    set_own_cookie(request, response, _COOKIE, connection_id, seconds=_SECONDS, same_site="lax")


def last_provider(request: Request) -> str | None:
    """Return the id of the connection; None if the browser has none."""
    found = read_cookie(request, own_name(request, _COOKIE))
    return found if found is not None and _ID.fullmatch(found) else None
