"""The access log moves on: events come into the tree, and its head is signed."""

from dataclasses import dataclass
from datetime import timedelta

from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.tlog.note import Signer
from vault.workflows.checkpoints import sign_head

#: Events that one transaction moves.
AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEvents:
    """Move events that wait into the tree. On SQLite none ever waits: each commit brings its own in."""

    database: Database

    async def __call__(self) -> bool:
        """Move a batch; False if none waited, or another node moves them."""
        if not await self.database.read(lambda tx: tx.tree.waiting()):
            return False
        return await self.database.write(lambda tx: tx.tree.sequence(limit=AT_ONCE)) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignCheckpoint:
    """Sign the head of the log if it grew, at most once in a while."""

    database: Database
    signer: Signer
    clock: Clock
    pause: timedelta = timedelta(seconds=1)

    async def __call__(self) -> bool:
        """Sign; False if the last checkpoint is young, or has the head's size."""
        if not await self.database.read(self._due):
            return False
        await self.database.write(lambda tx: sign_head(tx, self.signer, self.clock))
        return True

    def _due(self, tx: Transaction) -> bool:
        last = tx.checkpoints.last()
        if last is None:
            return True
        # One from the future was signed by a node whose clock is wrong, and must not hold up the others.
        young = last.at <= self.clock() < last.at + self.pause
        return not young and last.size < tx.tree.head().size
