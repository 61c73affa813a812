"""Publish the access log to the object store, as a copy that survives a loss of the database."""

from dataclasses import dataclass
from datetime import timedelta

from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.audit_log.checkpoints import shown
from vault.services.audit_log.publication import Publication
from vault.tlog.anchor_file import MAX_LEAVES


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishLog:
    """Write the log's new entries to the object store, up to its last anchored checkpoint."""

    database: Database
    publication: Publication
    clock: Clock
    #: Minimum interval between two publications, so that a busy log does not write many small objects.
    pause: timedelta = timedelta(seconds=30)
    #: This many unpublished leaves are published without waiting, because every anchor contains them until then.
    many: int = MAX_LEAVES // 2

    async def __call__(self) -> bool:
        """Publish; False if there is nothing new, the interval has not passed, or another node publishes.

        Raises Tampered, LeaseLost as ``Publication`` does.
        """
        if not await self.database.read(self._due):
            return False
        anchored = await self.database.read(shown)
        return anchored is not None and await self.publication(anchored)

    def _due(self, tx: Transaction) -> bool:
        last, published = tx.checkpoints.last(), tx.checkpoints.publication()
        if last is None or last.size <= published.size:
            return False
        # A time in the future comes from a node with a wrong clock, and must not block the others.
        recent = published.at is not None and published.at <= self.clock() < published.at + self.pause
        return not recent or last.size - published.size >= self.many
