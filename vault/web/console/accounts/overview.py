"""The overview: whether the account records, what needs somebody, and what came in the last days."""

import hashlib
from typing import Annotated, Any, Final

from fastapi import Response

from vault.database.stores.accounts.overview import MOST_BY_DAY, MOST_REFUSALS
from vault.web.console.accounts.overview_views import OUTCOMES, REFUSAL_WORDS, by_time_left, counted, days_of
from vault.web.console.approvals.words import waiting_for
from vault.web.console.forms import checked
from vault.web.console.here import Here, acts, needs
from vault.web.console.route import console_router
from vault.web.http.conditions import unmet
from vault.web.http.pagination import read_number
from vault.web.schemas.accounts.settings import SwitchIn

router = console_router()
Reading = Annotated[Here, needs("recordings:read")]
Setting = Annotated[Here, needs("settings:write")]
#: Changes of the switch per page.
_CHANGES: Final = 50
_MISSING: Final = 50


@router.get("")
async def get_overview(here: Reading) -> Response:
    """Show the overview."""
    switch, start = here.vault.recording_switch, read_number(here.cursor)
    history = await switch.history(here.account_id, start=start, limit=_CHANGES, newest_first=True)
    return here.page(
        "overview.html",
        section="Overview",
        switch=await switch.read(here.account_id),
        history=history,
        following=start + _CHANGES if len(history) == _CHANGES else None,
        values=here.form.values(),
        **await _numbers(here),
    )


@router.get("/numbers")
async def get_numbers(here: Reading) -> Response:
    """Return the numbers alone, for the script that keeps an open overview up to date; 304 if nothing changed."""
    response = here.page("numbers.html", section="Overview", **await _numbers(here))
    tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'
    if (answered := unmet(here.request.headers, tag, {"ETag": tag, "Vary": "Accept-Language"})) is not None:
        return answered
    response.headers["ETag"] = tag
    return response


async def _numbers(here: Here) -> dict[str, Any]:
    numbers = await here.vault.overview.numbers(here.account_id)
    days = days_of(numbers)
    return {
        "numbers": numbers,
        "days": days,
        "today": days[-1],
        "outcomes": list(OUTCOMES),
        "quarantine": by_time_left(numbers.quarantined),
        "approvals": await waiting_for(here),
        "requests": by_time_left(numbers.requests_due) if here.allows("audit:read") else None,
        "counted": counted,
        "refusals": REFUSAL_WORDS,
        "most_refusals": MOST_REFUSALS,
        "most_by_day": MOST_BY_DAY,
    }


@acts(router, "/recording-switch", again=get_overview)
async def post_switch(here: Setting) -> str:
    """Switch recording on or off, with the account's name typed."""
    here.confirm()
    enabled = here.form.text("enabled") == "on"
    body = checked(SwitchIn, {"enabled": enabled, "reason": here.form.text("reason") or None})
    await here.vault.recording_switch.set(
        here.account_id, enabled=body.enabled, reason=body.reason, actor=here.actor
    )
    return f"?done={'switched_on' if enabled else 'switched_off'}"


@router.get("/missing")
async def show_missing(here: Reading) -> Response:
    """List the last calls that ended and whose recording never came, with what may explain it."""
    views = await here.vault.calls.without_recording(here.account_id, limit=_MISSING)
    return here.page("missing.html", section="Overview", views=views, shown=_MISSING)
