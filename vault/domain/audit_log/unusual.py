"""When somebody's access is unusual: far more recordings in an hour than in any other one of the last weeks."""

from datetime import datetime, timedelta
from typing import Final

#: Recordings in an hour, below which nothing is unusual.
AT_LEAST: Final = 20
#: How many times as many as in any other hour.
_TIMES: Final = 3
#: How long hours are kept, and for how long they must have been counted.
KEPT: Final = timedelta(days=28)
LEARNING: Final = timedelta(days=7)


def hour_of(at: datetime) -> int:
    """Return the hour of a time, counted from 1970 in UTC."""
    return int(at.timestamp()) // 3600


def is_unusual(recordings: int, most: int) -> bool:
    """Return whether so many recordings in an hour are unusual; ``most`` is the number of the busiest other hour."""
    return recordings >= AT_LEAST and recordings > _TIMES * most
