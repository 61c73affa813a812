"""The last place of a job is for an account that has none, so that one account's long work delays no other."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

#: Until the last place looks again at work of accounts that have a place, and how long what it found waits.
PAUSE: Final = timedelta(seconds=2)


@dataclass(slots=True)
class LastPlace:
    """The work that a job's pollers of this process have in hand, by account."""

    #: The number of pollers; None where nothing limits them, as in a test that calls the job itself.
    places: int | None = None
    _held: Counter[str] = field(default_factory=Counter)
    _rests_until: float = 0.0

    @property
    def rests(self) -> bool:
        """Return whether only the last place is free, and it found nothing for it a moment ago."""
        return self._is_last and time.monotonic() < self._rests_until

    def is_for(self, account_id: str) -> bool:
        """Return whether work of this account may begin: always, unless only the last place is left and it has one."""
        if not self._is_last or not self._held[account_id]:
            return True
        self._rests_until = time.monotonic() + PAUSE.total_seconds()
        return False

    @contextmanager
    def taken(self, account_id: str) -> Iterator[None]:
        """Count work of an account during the block."""
        self._held[account_id] += 1
        try:
            yield
        finally:
            self._held[account_id] -= 1
            if not self._held[account_id]:
                del self._held[account_id]

    @property
    def _is_last(self) -> bool:
        return self.places is not None and self._held.total() >= self.places - 1
