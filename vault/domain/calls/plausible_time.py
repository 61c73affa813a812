"""Which reported times can be times of a call.

Platforms send a date that stands for none, such as .NET's 0001-01-01 or 9999-12-31, or a time in the wrong unit. A
period must not count from it, and Python cannot add a period to the last of its days.
"""

from datetime import UTC, datetime
from typing import Final

#: Plausible years of a call; a zero or a timestamp in the wrong unit is outside.
YEARS: Final = range(2000, 2101)
FIRST: Final = datetime(YEARS[0], 1, 1, tzinfo=UTC)
#: The first moment after the last of them.
BEYOND: Final = datetime(YEARS[-1] + 1, 1, 1, tzinfo=UTC)


def is_plausible(moment: datetime) -> bool:
    """Return whether a call can have begun or ended at this time."""
    return FIRST <= moment < BEYOND


def plausible(moment: datetime | None) -> datetime | None:
    """Return a reported time, or None, as for one that is not known, where no call can have been then."""
    return moment if moment is not None and is_plausible(moment) else None
