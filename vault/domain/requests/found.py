"""The counts of a search for a person, and the data that no search can find."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

#: A number that was given back may belong to somebody else after 45 days (47 CFR 52.15(f)(1)(ii)).
MAX_GAP: Final = timedelta(days=45)
#: Why calls of the person may exist that no search by number or agent finds.
NOT_SEARCHABLE: Final = (
    "calls_without_caller_id",
    "numbers_that_only_a_platform_knows",
    "parties_of_conferences_and_transfers",
    "extensions_and_sip_addresses",
    "digits_that_cannot_be_read",
    "words_spoken_in_recordings",
    "numbers_of_earlier_holders",
    "backups_of_the_operator",
    "copies_outside_the_vault",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time without calls that is long enough for the number to have changed hands."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSummary:
    """The counts of a search."""

    #: Recordings in every state but erased, and calls without a recording, by the year of the call in UTC.
    by_year: Mapping[int, int]
    #: Recordings by state.
    by_state: Mapping[str, int]
    calls_without_recording: int
    consent_events: int
    objections: int
    #: Links of which an agent of this name was the listener.
    links: int
    gaps: Sequence[Gap]


def by_year(moments: Iterable[datetime]) -> Mapping[int, int]:
    """Return how many moments each year has, in order."""
    return dict(sorted(Counter(at.year for at in moments).items()))


def gaps_between(moments: Iterable[datetime]) -> tuple[Gap, ...]:
    """Return the times of more than MAX_GAP between two calls, oldest first."""
    ordered = sorted(moments)
    return tuple(
        Gap(since=before, until=after) for before, after in pairwise(ordered) if after - before > MAX_GAP
    )
