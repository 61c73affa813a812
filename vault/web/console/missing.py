"""Calls that ended and whose recording never came."""

from typing import Annotated, Final

from fastapi import Depends, Request, Response

from vault.web.console.access import Console, console
from vault.web.console.layout import console_page
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault

router = console_router()
Reading = Annotated[Console, Depends(console("recordings:read"))]
_SHOWN: Final = 50


@router.get("/missing")
async def show_missing(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """List the last calls without a recording, with what may explain it."""
    views = await vault.calls.without_recording(allowed.account.id, limit=_SHOWN)
    return console_page(request, allowed, "missing.html", section="Overview", views=views, shown=_SHOWN)
