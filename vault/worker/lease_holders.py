"""Finds worker processes that are gone, and ends their leases, which otherwise last up to 90 seconds.

A process whose connection broke takes its lock again on a new one within moments. So a holder counts as gone only if
its lock was free in two polls that are a grace period apart.
"""

import time
from collections.abc import Callable
from typing import Final

from vault.database.interface import Database
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds for which a lock must be free.
GRACE: Final = 4.0
#: Seconds between two polls while there are leases.
_INTERVAL: Final = 3.0


class LeaseHolders:
    """The holders of leases, as this worker sees them."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without suspects. ``clock`` is in seconds."""
        self._database, self._clock = database, clock
        #: When each holder's lock was first found free.
        self._suspects: dict[int, float] = {}

    async def poll(self) -> float:
        """End the leases of holders that are gone; return the seconds until the next poll. Raises Unavailable."""
        gone = await self._database.read(lambda tx: tx.lease_holders.gone())
        now = self._clock()
        self._suspects = {holder: self._suspects.get(holder, now) for holder in gone}
        for holder in [one for one, since in self._suspects.items() if now - since >= GRACE]:
            del self._suspects[holder]
            count = await self._database.write(lambda tx, holder=holder: tx.lease_holders.release(holder))  # type: ignore[misc]
            if count is not None:
                _LOG.warning("worker.leases_released", count=count)
        return GRACE if self._suspects else _INTERVAL
