"""What an account uses: recordings, minutes and bytes by day and month, and plays, all of them counted."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.accounts.usage import (
    MOST_DAYS,
    Step,
    UsageCount,
    UsagePeriod,
    day_number,
    day_of_number,
    periods,
)
from vault.domain.audit_log.access_event import parse_event
from vault.domain.audit_log.event_types.table import EventType
from vault.errors import Invalid
from vault.ports.clock import Clock
from vault.sentence import Sentence
from vault.services.shared.job import IntervalJob, Job
from vault.services.shared.paced import paced

_OPENED: Final[EventType] = "playback.open"
#: Changes that one transaction adds up, and entries of the log that one reads.
_CHANGES: Final = 2000
_ENTRIES: Final = 2000
_EVERY: Final = timedelta(seconds=15)
#: Months that are shown one by one.
_MOST_MONTHS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """What was counted in some time."""

    first: date
    last: date
    periods: Sequence[UsagePeriod]
    #: The whole time together.
    total: UsagePeriod
    #: Entries of the log whose plays are not counted yet.
    entries_waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Read what is counted."""

    database: Database
    clock: Clock

    async def read(self, account_id: str, *, first: date | None, last: date | None, step: Step) -> UsageView:
        """Return the counts of each day or month from ``first`` to ``last``; else of the last 30 days or 12 months.

        Raises Invalid for a time that is too long or ends before it begins.
        """
        last = self.clock().date() if last is None else last
        first = _default_first(last, step) if first is None else first
        if first > last:
            raise Invalid("from must not be after to.", field="from")
        if (last - first).days >= (MOST_DAYS if step == "day" else _MOST_MONTHS * 31):
            most = MOST_DAYS if step == "day" else _MOST_MONTHS * 31
            raise Invalid(
                Sentence("from must be less than %(number)s days before to.", number=most), field="from"
            )

        def read(tx: Transaction) -> tuple[Sequence[UsageCount], int]:
            counts = tx.usage.of_days(account_id, day_number(first), day_number(last))
            return counts, tx.tree.head().size - tx.usage.plays_counted()

        counts, waiting = await self.database.read(read)
        return UsageView(
            first=first,
            last=last,
            periods=periods(first, last, step, counts),
            total=UsagePeriod(start=first, counts=counts),
            entries_waiting=waiting,
        )

    async def total(self, account_id: str) -> UsagePeriod:
        """Return what was counted since the account began."""
        first = await self.database.read(lambda tx: tx.usage.first_day(account_id))
        last = day_number(self.clock().date()) + 1
        if first is None:
            return UsagePeriod(start=day_of_number(last), counts=())
        counts = await self.database.read(lambda tx: tx.usage.of_days(account_id, first, last))
        return UsagePeriod(start=day_of_number(first), counts=counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountUsage:
    """Add up what triggers appended, and count the plays of the log."""

    database: Database

    def jobs(self) -> Sequence[Job]:
        """Return the count."""
        return [IntervalJob(name="count_usage", run=self, every=_EVERY, needs_objects=False)]

    async def __call__(self) -> int:
        """Count what came since the last run; return how many changes and plays that were. Raises Unavailable."""
        done = 0
        while await self.database.read(lambda tx: tx.usage.has_changes()):
            done += await self.database.write(lambda tx: tx.usage.add_up(limit=_CHANGES))
        while (more := await self._count_plays()) is not None:
            done += sum(more.values())
        return done

    async def _count_plays(self) -> Mapping[tuple[str, int], int] | None:
        """Count the plays of a batch of entries; return them by account and day, None if there is no entry."""
        start, size = await self.database.read(lambda tx: (tx.usage.plays_counted(), tx.tree.head().size))
        end = min(size, start + _ENTRIES)
        if start >= end:
            return None
        leaves = await self.database.read(lambda tx: tx.tree.leaves(start, end))
        plays = Counter[tuple[str, int]]()
        async for leaf in paced(one for one in leaves if _OPENED.encode() in one.leaf):
            event = parse_event(leaf.leaf)
            if event.type == _OPENED and event.account_id is not None:
                plays[event.account_id, day_number(event.at.date())] += 1
        await self.database.write(lambda tx: tx.usage.add_plays(start, end, plays))
        return plays


def _default_first(last: date, step: Step) -> date:
    if step == "day":
        return last - timedelta(days=29)
    return (last.replace(year=last.year - 1, day=1) + timedelta(days=31)).replace(day=1)
