"""The overview: whether the account records, what needs somebody, and what came in the last days."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Response

from vault.domain.accounts.usage import OUTCOMES, UsagePeriod, day_of_number
from vault.services.accounts.overview import DAYS, Numbers
from vault.web.console.acts import acts
from vault.web.console.here import Here
from vault.web.console.here import needs as of_scope
from vault.web.console.needs import by_time_left, counted, needs_of
from vault.web.console.route import console_router
from vault.web.http.conditions import unmet
from vault.web.http.languages import VARY
from vault.web.http.pagination import read_number
from vault.web.http.translations import translatable
from vault.web.schemas.accounts.settings import SwitchIn

#: Why a recording was refused, by the code of the reason.
REFUSAL_WORDS: Final[dict[str, str]] = translatable(
    {
        "objection": "an objection",
        "switch_off": "recording was off",
        "switched_off_since_receipt": "recording was switched off since",
        "switched_off_during_call": "recording was switched off during the call",
        "quarantine_expired": "the quarantine was over",
        "refused_by_admin": "refused by a person",
    }
)
_HEIGHT, _STEP, _WIDTH = 120.0, 40, 26
router = console_router()
Reading = Annotated[Here, of_scope("recordings:read")]
Setting = Annotated[Here, of_scope("settings:write")]
#: Changes of the switch per page.
_CHANGES: Final = 50
_MISSING: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One piece of a bar of the chart."""

    outcome: str
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One day: its recordings by outcome, and the pieces of its bar."""

    day: date
    counts: dict[str, int]
    x: int
    bars: Sequence[Bar]

    @property
    def total(self) -> int:
        """Return the number of recordings."""
        return sum(self.counts.values())


def days_of(numbers: Numbers) -> Sequence[Day]:
    """Return the days of the chart, oldest first; the highest bar fills it."""
    counted = []
    for back in reversed(range(DAYS)):
        on = numbers.today - back
        counts = dict.fromkeys(map(str, OUTCOMES), 0)
        for one in numbers.counts:
            if one.day == on and one.kind in counts:
                counts[one.kind] += one.number
        counted.append((day_of_number(on), counts))
    highest = max(1, *(sum(counts.values()) for _, counts in counted))
    return [
        Day(day=day, counts=counts, x=place * _STEP, bars=_bars(counts, place * _STEP, highest))
        for place, (day, counts) in enumerate(counted)
    ]


def _bars(counts: dict[str, int], x: int, highest: int) -> Sequence[Bar]:
    bars, top = [], _HEIGHT
    for outcome, count in counts.items():
        height = round(count / highest * _HEIGHT, 1)
        top = round(top - height, 1)
        if count:
            bars.append(Bar(outcome=outcome, x=x + (_STEP - _WIDTH) // 2, y=top, height=height))
    return bars


@router.get("")
async def get_overview(here: Reading) -> Response:
    """Show the overview."""
    switch, start = here.vault.accounts.switch, read_number(here.cursor)
    history = await switch.history(here.account_id, start=start, limit=_CHANGES, newest_first=True)
    return here.page(
        "overview.html",
        section="Overview",
        switch=await switch.read(here.account_id),
        running=await here.vault.accounts.overview.running(here.account_id)
        if here.allows("settings:write")
        else 0,
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
    if (answered := unmet(here.request.headers, tag, {"ETag": tag, "Vary": VARY})) is not None:
        return answered
    response.headers["ETag"] = tag
    return response


async def _numbers(here: Here) -> dict[str, Any]:
    numbers = await here.vault.accounts.overview.numbers(here.account_id)
    # The bell of the page has the same list.
    here.request.state.needs = needs = await needs_of(here.request, here.allowed)
    days = days_of(numbers)
    return {
        "numbers": numbers,
        "days": days,
        "today": days[-1],
        "outcomes": list(OUTCOMES),
        "quarantine": by_time_left(numbers.quarantined),
        "needs": needs,
        "requests": by_time_left(numbers.requests_due) if here.allows("audit:read") else None,
        "counted": counted,
        "refused": UsagePeriod(start=days[0].day, counts=numbers.counts).reasons("refused"),
        "refusals": REFUSAL_WORDS,
    }


@acts(router, "/recording-switch", again=get_overview)
async def post_switch(here: Setting) -> str:
    """Switch recording on or off, with the account's name typed."""
    enabled = here.form.text("enabled") == "on"
    body = here.confirmed(SwitchIn, {"enabled": enabled, "reason": here.form.text("reason") or None})
    if not enabled:
        await here.require_verified()
    await here.vault.accounts.switch.set(
        here.account_id, enabled=body.enabled, reason=body.reason, actor=here.actor
    )
    return f"?done={'switched_on' if enabled else 'switched_off'}"


@router.get("/missing")
async def show_missing(here: Reading) -> Response:
    """List the last calls that ended and whose recording never came, with what may explain it."""
    views = await here.vault.recordings.calls.without_recording(here.account_id, limit=_MISSING)
    return here.page("missing.html", section="Overview", views=views, shown=_MISSING)
