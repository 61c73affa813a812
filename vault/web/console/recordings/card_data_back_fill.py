"""The page on which people let a policy on card data reach the recordings that were there before it."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Response

from vault.domain.recordings.back_fill import BackFillState
from vault.domain.recordings.media import clock_length
from vault.web.console.acts import acts
from vault.web.console.forms import checked
from vault.web.console.here import Here, needs
from vault.web.console.route import console_router
from vault.web.http.translations import translatable
from vault.web.schemas.recordings.card_data import CardDataBackFillIn, CardDataBackFillPatchIn

router = console_router()
PATH: Final = "/card-data/back-fill"
Reading = Annotated[Here, needs("recordings:read")]
Setting = Annotated[Here, needs("settings:write")]
STATE_WORDS: Final[Mapping[BackFillState, str]] = translatable(
    {"running": "it goes on", "paused": "paused", "stopped": "stopped", "done": "all are searched"}
)


@router.get(PATH)
async def show_back_fill(here: Reading) -> Response:
    """Show what there is to search, and how far the newest back-fill is."""
    back_fills = here.vault.recordings.recordings.back_fills
    return here.page(
        "card_data_back_fill.html",
        section="Recordings",
        preview=await back_fills.preview(here.account_id),
        one=await back_fills.read(here.account_id),
        states=STATE_WORDS,
        clock=clock_length,
        values=here.form.values(),
    )


@acts(router, PATH, again=show_back_fill)
async def begin_back_fill(here: Setting) -> str:
    """Begin one, with the account's name typed."""
    body = here.confirmed(CardDataBackFillIn, {"keyed_digits": here.form.text("keyed_digits")})
    if body.keyed_digits == "redact":
        here.allowed.require("privacy:write")
    await here.vault.recordings.recordings.back_fills.begin(
        here.account_id, expected=body.keyed_digits, actor=here.actor
    )
    return f"{PATH}?done=card_data_search_begun"


@acts(router, f"{PATH}/state", again=show_back_fill)
async def change_back_fill(here: Setting) -> str:
    """Pause it, let it go on, or stop it."""
    body = checked(CardDataBackFillPatchIn, {"state": here.form.text("state")})
    back_fills = here.vault.recordings.recordings.back_fills
    one = await back_fills.read(here.account_id)
    if body.state == "running" and one is not None and one.keyed_digits == "redact":
        here.allowed.require("privacy:write")
    await back_fills.change(here.account_id, body.state, actor=here.actor)
    return f"{PATH}?done=card_data_search_changed"
