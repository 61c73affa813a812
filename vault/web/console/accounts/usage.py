"""What the account uses: recordings, minutes, bytes and plays by day or month, as a chart, a table and CSV."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Response

from vault.domain.accounts.usage import OUTCOMES, PLAY, Kind, UsagePeriod
from vault.errors import Invalid
from vault.services.accounts.usage import UsageView
from vault.web.console.accounts.overview import REFUSAL_WORDS
from vault.web.console.forms import checked
from vault.web.console.here import Here
from vault.web.console.here import needs as of_scope
from vault.web.console.route import console_router
from vault.web.http.translations import decimal, gettext, grouped, translatable, translated_pairs
from vault.web.schemas.accounts.usage import UsageQuery

router = console_router()
Reading = Annotated[Here, of_scope("recordings:read")]
_FILTERS: Final = ("from", "to", "by")
_MAX_FILTER: Final = 10
_STEPS: Final = translatable((("day", "by day"), ("month", "by month")))
#: What the chart can show.
_SHOWN: Final = translatable(
    (("recordings", "Recordings"), ("minutes", "Minutes"), ("bytes", "Stored size"), ("plays", "Plays"))
)
_VALUES: Final[Mapping[str, Callable[[UsagePeriod], float]]] = {
    "recordings": lambda one: one.recordings,
    "minutes": lambda one: one.milliseconds / 60_000,
    "bytes": lambda one: one.bytes,
    "plays": lambda one: one.number(PLAY),
}
_UNITS: Final = translatable(
    ((4, "%(number)s TB"), (3, "%(number)s GB"), (2, "%(number)s MB"), (1, "%(number)s kB"))
)
#: Outcomes whose reasons are told.
_WITH_REASONS: Final[tuple[Kind, ...]] = ("quarantined", "refused", "failed")
_COLUMNS: Final = ("start", "recordings", *OUTCOMES, "seconds", "bytes", "plays")
_WIDTH, _HEIGHT = 960, 120.0
#: Periods whose names have room below the chart.
_NAMED: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar of the chart: its place, the period, its value, and whether its name stands below it."""

    x: float
    y: float
    width: float
    height: float
    name: str
    value: str
    is_named: bool


@router.get("/usage")
async def show_usage(here: Reading) -> Response:
    """Show what was counted, by day or month."""
    values = _values(here)
    try:
        view = await _read(here, values)
    except Invalid as error:
        here, view = here.wrong(error), await _read(here, {"by": "day"})
    shown = here.query("show", most=_MAX_FILTER)
    shown = shown if shown in _VALUES else "recordings"
    by = "month" if values.get("by") == "month" and here.mistake is None else "day"
    query = {"from": str(view.first), "to": str(view.last), "by": by}
    return here.page(
        "usage.html",
        section="Overview",
        view=view,
        bars=bars_of(view.periods, shown, by),
        width=_WIDTH,
        outcomes=OUTCOMES,
        play=PLAY,
        reasons=[(kind, view.total.reasons(kind)) for kind in _WITH_REASONS],
        reason_words=REFUSAL_WORDS,
        steps=translated_pairs(_STEPS),
        choices=translated_pairs(_SHOWN),
        values=query | {"show": shown} | values,
        export=urlencode(query),
        name_of=lambda one: name_of(one, by),
        size_of=size_of,
    )


@router.get("/usage/export.csv")
async def export_usage(here: Reading) -> Response:
    """Export what the page shows."""
    view = await _read(here, _values(here))
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(_COLUMNS)
    for one in view.periods:
        outcomes = [one.number(kind) for kind in OUTCOMES]
        sizes = [one.milliseconds / 1000, one.bytes, one.number(PLAY)]
        rows.writerow([str(one.start), one.recordings, *outcomes, *sizes])
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _values(here: Here) -> dict[str, str]:
    sent = {name: here.query(name, most=_MAX_FILTER).strip() for name in _FILTERS}
    return {name: value for name, value in sent.items() if value}


async def _read(here: Here, values: Mapping[str, str]) -> UsageView:
    asked = checked(UsageQuery, values)
    return await here.vault.accounts.usage.read(
        here.account_id, first=asked.first, last=asked.last, step=asked.by
    )


def bars_of(periods: Sequence[UsagePeriod], shown: str, by: str) -> Sequence[Bar]:
    """Return the bars of the chart, oldest first; the highest fills it."""
    value_of = _VALUES[shown]
    highest = max((value_of(one) for one in periods), default=0) or 1
    step = _WIDTH / max(1, len(periods))
    every = -(-len(periods) // _NAMED)
    bars = []
    for place, one in enumerate(periods):
        value = value_of(one)
        height = round(value / highest * _HEIGHT, 1)
        bars.append(
            Bar(
                x=round(place * step + step * 0.15, 1),
                y=round(_HEIGHT - height, 1),
                width=round(step * 0.7, 1),
                height=height,
                name=name_of(one, by),
                value=size_of(round(value)) if shown == "bytes" else grouped(round(value)),
                is_named=place % every == 0,
            )
        )
    return bars


def name_of(period: UsagePeriod, by: str) -> str:
    """Return the name of a day or month."""
    return str(period.start) if by == "day" else str(period.start)[:7]


def size_of(number: int) -> str:
    """Return a size in the unit in which it is read best."""
    for exponent, words in _UNITS:
        if number >= 1000**exponent:
            return gettext(words, number=decimal(number / 1000**exponent))
    return gettext("%(number)s B", number=number)
