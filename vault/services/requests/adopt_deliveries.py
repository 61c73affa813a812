"""Move deliveries of callbacks that a node of an older release left into the outbox.

They are there after an upgrade, after a copy of an older database was put back, and while a node of the release before
runs beside this one. Its lease has the same name, so it sends nothing at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.database.interface import Database
from vault.database.signals import Work
from vault.services.shared.job import DueJob, Job

_BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptDeliveries:
    """Move what is due."""

    database: Database

    def jobs(self) -> Sequence[Job]:
        """Return the work on deliveries of an older release."""
        return [DueJob(work=Work.SEND_CALLBACKS, any_due=self.any_due, step=self, needs_objects=False)]

    async def any_due(self) -> bool:
        """Return whether there is a delivery that is due."""
        return await self.database.read(lambda tx: tx.callbacks.has_older(tx.now()))

    async def __call__(self) -> bool:
        """Move some; return whether there were any."""
        return await self.database.write(lambda tx: tx.callbacks.adopt_older(tx.now(), limit=_BATCH_SIZE) > 0)
