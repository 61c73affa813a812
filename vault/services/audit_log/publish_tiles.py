"""Publishing the access log to the object store, where another copy of it outlives the database."""

from dataclasses import dataclass
from datetime import timedelta

from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.audit_log.checkpoints import shown
from vault.services.audit_log.publication import Publication
from vault.tlog.anchor_file import MAX_LEAVES


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishLog:
    """Write to the object store what the log has grown by, up to its last anchored checkpoint."""

    database: Database
    publication: Publication
    clock: Clock
    #: Between two publications, so that a busy log is not a flood of small objects.
    pause: timedelta = timedelta(seconds=30)
    #: Leaves that are published without a pause, because each anchor carries them until then.
    many: int = MAX_LEAVES // 2

    async def __call__(self) -> bool:
        """Publish; False if there is nothing new, it is not time yet, or another node publishes.

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
        # One from the future was published by a node whose clock is wrong, and must not hold up the others.
        young = published.at is not None and published.at <= self.clock() < published.at + self.pause
        return not young or last.size - published.size >= self.many
