"""What the overview prints of an account's numbers: pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from vault.database.stores.accounts.overview import LIMIT, DaysLeft
from vault.domain.recordings.recording import State
from vault.services.accounts.overview import DAYS, Numbers
from vault.web.http.translations import gettext, grouped, translatable

#: The outcomes of the chart, from the bottom up, with the states that each counts.
OUTCOMES: Final[dict[str, frozenset[State]]] = {
    "available": frozenset({State.AVAILABLE}),
    "quarantined": frozenset({State.QUARANTINED}),
    "refused": frozenset({State.REFUSED}),
    "failed": frozenset({State.FAILED}),
    "waiting": frozenset({State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED}),
    "erased": frozenset({State.ERASING, State.ERASED}),
}
#: How long is left, in words.
LEFT_WORDS: Final = translatable(("overdue", "today", "within 7 days", "within 30 days", "later", "no date"))
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
_EPOCH: Final = date(1970, 1, 1)
_HEIGHT, _STEP, _WIDTH = 120.0, 40, 26
#: The upper bounds of how long something still waits, in days.
_LEFT: Final = (("today", 1), ("within 7 days", 7), ("within 30 days", 30))


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
        counts = {
            outcome: sum(numbers.by_day.get((on, state), 0) for state in states)
            for outcome, states in OUTCOMES.items()
        }
        counted.append((_EPOCH + timedelta(days=on), counts))
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


def by_time_left(days_left: DaysLeft) -> Sequence[tuple[str, int]]:
    """Return how many end when, in words; what is over comes first, and nothing is left out but zeros."""
    counts: dict[str, int] = {"overdue": 0, **{words: 0 for words, _ in _LEFT}, "later": 0, "no date": 0}
    for left, count in days_left.items():
        counts[_words(left)] += count
    return [(words, count) for words, count in counts.items() if count]


def _words(left: int | None) -> str:
    if left is None:
        return "no date"
    if left < 0:
        return "overdue"
    return next((words for words, days in _LEFT if left < days), "later")


def counted(number: int) -> str:
    """Return a number for people; at the limit of what is read, there may be more."""
    return gettext("%(number)s or more", number=LIMIT) if number >= LIMIT else grouped(number)
