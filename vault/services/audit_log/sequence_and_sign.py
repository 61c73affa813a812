"""Sequence waiting events into the log's tree, and sign and anchor its head."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from vault.errors import LeaseLost, Unavailable
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.audit_log.anchor import Anchor

#: Events sequenced per transaction.
BATCH_SIZE = 1000
_JOB = "anchor"
#: Lease of the anchor job. It is not renewed: two nodes that anchor concurrently only send more requests.
_LEASE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEvents:
    """Sequence waiting events into the tree. On SQLite none ever waits: each commit sequences its own events."""

    database: Database

    async def __call__(self) -> bool:
        """Sequence a batch; False if none waited, or another node sequences them."""
        if not await self.database.read(lambda tx: tx.tree.waiting()):
            return False
        return await self.database.write(lambda tx: tx.tree.sequence(limit=BATCH_SIZE)) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCheckpoint:
    """Sign and anchor the head of the log if it grew, at most once per ``pause``."""

    database: Database
    anchor: Anchor
    clock: Clock
    pause: timedelta = timedelta(seconds=2)

    async def __call__(self) -> bool:
        """Anchor the head; False if the last checkpoint is recent or covers it, or another node holds the lease.

        Raises Unavailable as ``Anchor.covering`` does.
        """
        if not await self.database.read(self._due):
            return False
        token = await self.database.write(lambda tx: tx.turns.claim(_JOB, lease=_LEASE))
        if token is None:
            return False
        try:
            return await self.anchor.extend()
        finally:
            with suppress(LeaseLost, Unavailable):
                await self.database.write(lambda tx: tx.turns.pass_on(_JOB, token, next_at=tx.now()))

    def _due(self, tx: Transaction) -> bool:
        last, head = tx.checkpoints.last(), tx.tree.head()
        if last is None:
            return head.size > 0
        # A time in the future comes from a node with a wrong clock, and must not block the others.
        recent = last.at <= self.clock() < last.at + self.pause
        return not recent and last.size < head.size and tx.turns.is_free(_JOB)
