"""The access log moves on: events come into the tree, and its head is signed and anchored."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from vault.errors import LeaseLost, Unavailable
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.services.audit_log.anchor import Anchor

#: Events that one transaction moves.
BATCH_SIZE = 1000
_JOB = "anchor"
#: For how long other nodes leave it to one. It is not renewed: two at once are only more requests.
_LEASE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEvents:
    """Move events that wait into the tree. On SQLite none ever waits: each commit brings its own in."""

    database: Database

    async def __call__(self) -> bool:
        """Move a batch; False if none waited, or another node moves them."""
        if not await self.database.read(lambda tx: tx.tree.waiting()):
            return False
        return await self.database.write(lambda tx: tx.tree.sequence(limit=BATCH_SIZE)) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCheckpoint:
    """Sign and anchor the head of the log if it grew, at most once in a while."""

    database: Database
    anchor: Anchor
    clock: Clock
    pause: timedelta = timedelta(seconds=2)

    async def __call__(self) -> bool:
        """Anchor; False if the last checkpoint is young or has the head's size, or another node is at it.

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
        # One from the future was signed by a node whose clock is wrong, and must not hold up the others.
        young = last.at <= self.clock() < last.at + self.pause
        return not young and last.size < head.size and tx.turns.is_free(_JOB)
