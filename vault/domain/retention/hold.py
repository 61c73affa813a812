"""Holds: while one covers a recording, nothing erases it.

A hold names what it covers; no row is marked for it. Whether it covers a recording is computed from the hold whenever
something would erase the recording, under the account's lock, so a call of a held number is held from the gate on.
"""

from collections.abc import Collection, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.domain.calls.call import plausible

#: Max recordings, calls and numbers that one hold names.
MAX_COVERED: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSelection:
    """What a hold covers: each recording, call and number that it names, or every recording of a time."""

    recordings: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()
    #: Keyed hashes of the numbers, in every spelling.
    terms: frozenset[bytes] = frozenset()
    #: Limit ``terms`` and ``everything`` to calls that may have begun at or after the one and before the other.
    from_: datetime | None = None
    to: datetime | None = None
    everything: bool = False

    @property
    def has_everything(self) -> bool:
        """Return whether it is every recording, of any time."""
        return self.everything and self.from_ is None and self.to is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A hold, without its texts."""

    id: str
    account_id: str
    covers: RecordingSelection
    placed_at: datetime
    placed_by: str
    #: When it should be reviewed. It does not end then.
    ends_at: datetime | None = None
    released_at: datetime | None = None
    released_by: str | None = None
    #: When a released hold ends: the grace in which the release can be noticed.
    free_at: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        """Return whether it is in effect: until its release and the grace after it."""
        return self.free_at is None or now < self.free_at


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCandidate:
    """The values of a recording that a hold compares."""

    recording_id: str
    call_ref: str
    #: Every time at which its call may have begun: each start reported, or else the end and the receipt.
    starts: Collection[datetime]
    terms: AbstractSet[bytes] = frozenset()


def possible_starts(
    started_at: datetime | None, *, ended_at: datetime | None, received_at: datetime
) -> list[datetime]:
    """Return when a call may have begun: at its start, or else at its end or when the vault heard of it."""
    start, end = plausible(started_at), plausible(ended_at)
    if start is not None:
        return [start]
    return [received_at] if end is None else [end, received_at]


def covers(hold: Hold, candidate: HeldCandidate) -> bool:
    """Return whether the hold covers the recording."""
    covered = hold.covers
    if candidate.recording_id in covered.recordings or candidate.call_ref in covered.calls:
        return True
    if not (covered.everything or covered.terms & candidate.terms):
        return False
    return any(
        (covered.from_ is None or start >= covered.from_) and (covered.to is None or start < covered.to)
        for start in candidate.starts
    )


def covering(holds: Iterable[Hold], candidate: HeldCandidate, now: datetime) -> list[Hold]:
    """Return the holds in effect that cover the recording."""
    return [hold for hold in holds if hold.holds_at(now) and covers(hold, candidate)]
