"""Sequence waiting events into the log's tree, sign and anchor its head, and publish it to the object store.

The published log is a copy that survives a loss of the database.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.errors import LeaseLost, Unavailable
from vault.ports.clock import Clock
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import shown
from vault.services.audit_log.publication import Publication
from vault.services.shared.job import Job, SharedJob
from vault.tlog.anchor_file import MAX_LEAVES

#: Events sequenced per transaction.
BATCH_SIZE = 1000
_ANCHOR_JOB = "anchor"
#: Lease of the anchor job. It is not renewed: two nodes that anchor concurrently only send more requests.
_ANCHOR_LEASE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPublisher:
    """The steps of an access event from the outbox to the object store. Each may run on several nodes concurrently."""

    database: Database
    anchor: Anchor
    publication: Publication
    clock: Clock
    #: Minimum interval between two anchored checkpoints.
    sign_interval: timedelta = timedelta(seconds=2)
    #: Minimum interval between two publications, so that a busy log does not write many small objects.
    publish_interval: timedelta = timedelta(seconds=30)
    #: This many unpublished leaves are published without waiting, because every anchor contains them until then.
    publish_batch: int = MAX_LEAVES // 2

    def jobs(self) -> Sequence[Job]:
        """Return the three steps; a lock, a compare-and-swap and leases of their own coordinate the nodes."""
        return [
            # Rests, so that a busy log is sequenced in batches.
            SharedJob(work=Work.SEQUENCE, step=self.sequence, pause=timedelta(seconds=0.1)),
            SharedJob(
                work=Work.SIGN,
                step=self.sign,
                pause=self.sign_interval,
                due_after=self.sign_interval,
                doubts_history=True,
            ),
            SharedJob(
                work=Work.PUBLISH,
                step=self.publish,
                pause=timedelta(seconds=1),
                due_after=self.publish_interval,
            ),
        ]

    async def sequence(self) -> bool:
        """Sequence the waiting events into the tree; False if none waited, or another node sequences them.

        On SQLite none ever waits: each commit sequences its own events.
        """
        if not await self.database.read(lambda tx: tx.tree.waiting()):
            return False
        moved = total = await self.database.write(lambda tx: tx.tree.sequence(limit=BATCH_SIZE))
        while moved == BATCH_SIZE:
            moved = await self.database.write(lambda tx: tx.tree.sequence(limit=BATCH_SIZE))
            total += moved
        return total > 0

    async def sign(self) -> bool:
        """Sign and anchor the head of the log if it grew, at most once per ``sign_interval``.

        False if the last checkpoint is recent or covers the head, or another node holds the lease. Raises
        Unavailable as ``Anchor.covering`` does.
        """
        if not await self.database.read(self._sign_due):
            return False
        token = await self.database.write(
            lambda tx: tx.singleton_leases.claim(_ANCHOR_JOB, lease=_ANCHOR_LEASE)
        )
        if token is None:
            return False
        try:
            return await self.anchor.extend()
        finally:
            with suppress(LeaseLost, Unavailable):
                await self.database.write(
                    lambda tx: tx.singleton_leases.pass_on(_ANCHOR_JOB, token, next_at=tx.now())
                )

    async def publish(self) -> bool:
        """Write the log's new entries to the object store, up to its last anchored checkpoint.

        False if there is nothing new, the interval has not passed, or another node publishes. Raises Tampered,
        LeaseLost as ``Publication`` does.
        """
        if not await self.database.read(self._publish_due):
            return False
        anchored = await self.database.read(shown)
        return anchored is not None and await self.publication(anchored)

    def _sign_due(self, tx: Transaction) -> bool:
        last, head = tx.checkpoints.last(), tx.tree.head()
        if last is None:
            return head.size > 0
        # A time in the future comes from a node with a wrong clock, and must not block the others.
        recent = last.at <= self.clock() < last.at + self.sign_interval
        return not recent and last.size < head.size and tx.singleton_leases.is_free(_ANCHOR_JOB)

    def _publish_due(self, tx: Transaction) -> bool:
        last, published = tx.checkpoints.last(), tx.checkpoints.publication()
        if last is None or last.size <= published.size:
            return False
        # A time in the future comes from a node with a wrong clock, and must not block the others.
        recent = (
            published.at is not None and published.at <= self.clock() < published.at + self.publish_interval
        )
        return not recent or last.size - published.size >= self.publish_batch
