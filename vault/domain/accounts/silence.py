"""When a connection is silent: its platform sent webhooks day by day, and has sent none for unusually long."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby
from typing import Final

#: Days before the last webhook that say what is usual, and how many of them must have one.
DAYS: Final = 14
_MIN_DAYS: Final = 5
_DAY: Final = timedelta(days=1)
#: No connection is silent earlier or later than this after its last webhook.
EARLIEST: Final = 2 * _DAY
LATEST: Final = DAYS * _DAY


def silent_after(days: Sequence[bool]) -> timedelta | None:
    """Return after what time without a webhook a connection is silent; None for one that seldom has any.

    ``days``: whether it had one on each of the DAYS before its last webhook. Twice as long as the longest pause of
    them, which most often is a weekend, is unusually long.
    """
    if sum(days) < _MIN_DAYS:
        return None
    longest = max((len(list(group)) for has_any, group in groupby(days) if not has_any), default=0)
    after = 2 * _DAY * (longest + 1)
    return after if after <= LATEST else None
