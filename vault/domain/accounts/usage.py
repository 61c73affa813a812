"""What an account uses, counted: recordings by outcome, their minutes and bytes, and plays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

#: The outcome of a recording now, or ``play``: a session in which somebody opened one.
Kind = Literal["available", "quarantined", "refused", "failed", "waiting", "erased", "play"]
OUTCOMES: Final[tuple[Kind, ...]] = ("available", "quarantined", "refused", "failed", "waiting", "erased")
PLAY: Final[Kind] = "play"
#: Outcomes whose audio the account has.
STORED: Final[frozenset[Kind]] = frozenset({"available", "quarantined"})
#: The most days that are shown one by one.
MOST_DAYS: Final = 400
Step = Literal["day", "month"]
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageCount:
    """So many of a kind on a day; of recordings with their milliseconds of audio and their bytes."""

    #: Since 1970 in UTC: of a recording when it arrived, of a play when it began.
    day: int
    kind: Kind
    #: The code of the first reason in quarantine, or for a refusal or failure; else empty.
    reason: str
    number: int
    milliseconds: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePeriod:
    """A day or a month, or all of them together."""

    #: Its first day.
    start: date
    counts: Sequence[UsageCount]

    def number(self, kind: Kind) -> int:
        """Return how many there are of a kind."""
        return sum(one.number for one in self.counts if one.kind == kind)

    @property
    def recordings(self) -> int:
        """Return how many recordings arrived, whatever became of them."""
        return sum(one.number for one in self.counts if one.kind != PLAY)

    @property
    def milliseconds(self) -> int:
        """Return the length of the audio that the account has."""
        return sum(one.milliseconds for one in self.counts if one.kind in STORED)

    @property
    def bytes(self) -> int:
        """Return the bytes of the audio that the account has, as stored."""
        return sum(one.bytes for one in self.counts if one.kind in STORED)

    def reasons(self, kind: Kind) -> Sequence[tuple[str, int]]:
        """Return the codes of the reasons with their numbers, the most frequent first."""
        found = dict[str, int]()
        for one in self.counts:
            if one.kind == kind:
                found[one.reason] = found.get(one.reason, 0) + one.number
        return sorted(((code, number) for code, number in found.items() if number), key=_most_first)


def day_number(day: date) -> int:
    """Return a day as it is stored."""
    return (day - _EPOCH).days


def day_of_number(number: int) -> date:
    """Return a day that is stored."""
    return _EPOCH + timedelta(days=number)


def periods(first: date, last: date, step: Step, counts: Iterable[UsageCount]) -> Sequence[UsagePeriod]:
    """Return all days or months from ``first`` to ``last`` in order, also those without anything."""
    found: dict[date, list[UsageCount]] = {}
    day = first
    while day <= last:
        found.setdefault(_start(day, step), [])
        day += timedelta(days=1)
    for one in counts:
        found[_start(day_of_number(one.day), step)].append(one)
    return [UsagePeriod(start=start, counts=some) for start, some in found.items()]


def _start(day: date, step: Step) -> date:
    return day if step == "day" else day.replace(day=1)


def _most_first(one: tuple[str, int]) -> tuple[int, str]:
    return -one[1], one[0]
