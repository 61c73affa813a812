"""How often the media of a recording is fetched, and how long an attempt waits for the next one."""

from datetime import timedelta
from typing import Final

from vault.backoff import Backoff
from vault.errors import OwnKeyUnusable, RecordingMissing, Unavailable

#: Attempts before a recording fails permanently: with the backoff below, about a day.
MAX_FETCHES = 24
BACKOFF: Final = Backoff(first=timedelta(seconds=2), most=timedelta(hours=2))
#: While a part of the vault is down. Its work pauses meanwhile, so short waits cost nothing, and all rows are back at
#: work soon after it is up again.
OUTAGE_BACKOFF: Final = Backoff(first=BACKOFF.first, most=timedelta(seconds=30))


def longest_wait(attempts: int) -> timedelta:
    """Return how long the attempts that are left after ``attempts`` wait at most, without their own time."""
    return sum(
        (BACKOFF.after(attempt, jitter=1) for attempt in range(max(attempts, 0) + 1, MAX_FETCHES)),
        timedelta(),
    )


def backoff_after(error: Unavailable, attempts: int) -> timedelta:
    """Return the backoff after ``attempts`` attempts, the last of which ended with ``error``.

    It is short where the error concerns every recording, because it ends for all together. It grows where only one
    account or one recording is concerned: its owner may take days.
    """
    own = isinstance(error, (OwnKeyUnusable, RecordingMissing))
    return (BACKOFF if own else OUTAGE_BACKOFF).after(attempts)
