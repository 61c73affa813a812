"""Calls that ended and whose recording never came."""

from typing import Annotated, Final

from fastapi import Response

from vault.web.console.here import Here, needs
from vault.web.console.route import console_router

router = console_router()
Reading = Annotated[Here, needs("recordings:read")]
_SHOWN: Final = 50


@router.get("/missing")
async def show_missing(here: Reading) -> Response:
    """List the last calls without a recording, with what may explain it."""
    views = await here.vault.calls.without_recording(here.account_id, limit=_SHOWN)
    return here.page("missing.html", section="Overview", views=views, shown=_SHOWN)
