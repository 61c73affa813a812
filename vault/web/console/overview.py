"""The overview: whether the account records, what needs somebody, and what came in the last days."""

import hashlib
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response

from vault.database.stores.overview import MOST_BY_DAY, MOST_REFUSALS
from vault.services.service import Vault
from vault.web.console.access import Console, console
from vault.web.console.approval_words import waiting_for
from vault.web.console.forms import checked, read_form, require_name
from vault.web.console.layout import console_page
from vault.web.console.mistakes import Mistake, run_or_show
from vault.web.console.overview_views import OUTCOMES, REFUSAL_WORDS, by_time_left, counted, days_of
from vault.web.console.route import console_router
from vault.web.http.auth import TheVault
from vault.web.http.conditions import unmet
from vault.web.http.pagination import read_number
from vault.web.schemas.settings import SwitchIn

router = console_router()
Reading = Annotated[Console, Depends(console("recordings:read"))]
Setting = Annotated[Console, Depends(console("settings:write"))]


#: Changes of the switch per page.
_CHANGES: Final = 50


@router.get("")
async def get_overview(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """Show the overview."""
    return await _page(request, vault, allowed)


@router.get("/numbers")
async def get_numbers(request: Request, vault: TheVault, allowed: Reading) -> Response:
    """Return the numbers alone, for the script that keeps an open overview up to date; 304 if nothing changed."""
    response = console_page(
        request, allowed, "numbers.html", section="Overview", **await _numbers(vault, allowed)
    )
    tag = f'"{hashlib.sha256(bytes(response.body)).hexdigest()[:32]}"'
    if (answered := unmet(request.headers, tag, {"ETag": tag, "Vary": "Accept-Language"})) is not None:
        return answered
    response.headers["ETag"] = tag
    return response


async def _numbers(vault: Vault, allowed: Console) -> dict[str, Any]:
    numbers = await vault.overview.numbers(allowed.account.id)
    days = days_of(numbers)
    return {
        "numbers": numbers,
        "days": days,
        "today": days[-1],
        "outcomes": list(OUTCOMES),
        "quarantine": by_time_left(numbers.quarantined),
        "approvals": await waiting_for(vault, allowed),
        "requests": by_time_left(numbers.requests_due) if allowed.allows("audit:read") else None,
        "counted": counted,
        "refusals": REFUSAL_WORDS,
        "most_refusals": MOST_REFUSALS,
        "most_by_day": MOST_BY_DAY,
    }


@router.post("/recording-switch")
async def post_switch(request: Request, vault: TheVault, allowed: Setting) -> Response:
    """Switch recording on or off, with the account's name typed."""
    form = await read_form(request)
    enabled = form.text("enabled") == "on"

    async def switch() -> str:
        require_name(form, allowed.account.ref)
        body = checked(SwitchIn, {"enabled": enabled, "reason": form.text("reason") or None})
        await vault.recording_switch.set(
            allowed.account.id, enabled=body.enabled, reason=body.reason, actor=allowed.actor
        )
        return f"{allowed.path}?done={'switched_on' if enabled else 'switched_off'}"

    async def again(mistake: Mistake) -> Response:
        return await _page(request, vault, allowed, values=form.values(), mistake=mistake)

    return await run_or_show(request, allowed, form, act=switch, show=again, reads="recordings:read")


async def _page(
    request: Request,
    vault: Vault,
    allowed: Console,
    *,
    values: dict[str, str] | None = None,
    mistake: Mistake | None = None,
) -> Response:
    start = read_number(request.query_params.get("cursor") or None)
    history = await vault.recording_switch.history(
        allowed.account.id, start=start, limit=_CHANGES, newest_first=True
    )
    return console_page(
        request,
        allowed,
        "overview.html",
        section="Overview",
        switch=await vault.recording_switch.read(allowed.account.id),
        history=history,
        following=start + _CHANGES if len(history) == _CHANGES else None,
        values=values or {},
        mistake=mistake,
        **await _numbers(vault, allowed),
    )
