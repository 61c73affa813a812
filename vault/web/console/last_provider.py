"""The connection by which a browser signed in last, so that the sign-in page leads there when the session is over.

It is no secret: the id is in the address that an administrator gives to people.
"""

import re
from typing import Final

from fastapi import Request, Response

from vault.web.http.cookies import read_cookie

_ID: Final = re.compile(r"idp_[0-9a-f]{32}")
_SECONDS: Final = 90 * 24 * 3600


def remember_provider(request: Request, response: Response, connection_id: str) -> None:
    """Set the cookie."""
    secure: bool = request.app.state.hosting.secure
    response.set_cookie(
        _name(request),
        connection_id,
        max_age=_SECONDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def last_provider(request: Request) -> str | None:
    """Return the id of the connection; None if the browser has none."""
    found = read_cookie(request, _name(request))
    return found if found is not None and _ID.fullmatch(found) else None


def _name(request: Request) -> str:
    return "__Host-provider" if request.app.state.hosting.secure else "provider"
