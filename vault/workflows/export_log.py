"""Exporting the whole access log as one file that can be verified elsewhere (vault/tlog/FORMAT.md)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from vault.ports.access_log import Leaf
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.tlog.log_file import write_hash, write_head, write_leaf, write_node
from vault.tlog.note import Signer
from vault.tlog.tree import Node
from vault.workflows.checkpoints import checkpoint_covering

#: Entries that are read at once.
AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLog:
    """Write the log up to a checkpoint: an account's own leaves in full, the others as hashes.

    What was signed never changes, so each part is read on its own, and a slow reader holds nothing.
    """

    database: Database
    signer: Signer
    clock: Clock

    async def __call__(self, account_id: str | None) -> AsyncIterator[bytes]:
        """Return the file, part by part; for None with all leaves in full, for the operator."""
        size, head = await self.head()
        return self._parts(account_id, size, head)

    async def head(self) -> tuple[int, bytes]:
        """Return how many entries the file has, and its first lines."""
        now = await self.database.read(lambda tx: tx.tree.head())
        checkpoint = await checkpoint_covering(self.database, self.signer, self.clock, leaves=now.size)
        return checkpoint.size, write_head(self.signer.verifier, checkpoint.note)

    async def entries(self, account_id: str | None, start: int, end: int) -> bytes:
        """Return the lines of the entries [start, end), of which all are in the tree."""
        leaves, nodes = await self.database.read(lambda tx: _read(tx, start, end))
        completed: dict[int, list[Node]] = {}
        for node in nodes:
            completed.setdefault(((node.index + 1) << node.level) - 1, []).append(node)
        lines = []
        for one in leaves:
            in_full = account_id is None or one.account_id == account_id
            lines.append(
                write_leaf(one.index, one.hash, one.leaf) if in_full else write_hash(one.index, one.hash)
            )
            lines += [write_node(node) for node in completed.get(one.index, ())]
        return b"".join(lines)

    async def _parts(self, account_id: str | None, size: int, head: bytes) -> AsyncIterator[bytes]:
        yield head
        for start in range(0, size, AT_ONCE):
            yield await self.entries(account_id, start, min(start + AT_ONCE, size))


def _read(tx: Transaction, start: int, end: int) -> tuple[list[Leaf], list[Node]]:
    return list(tx.tree.leaves(start, end)), list(tx.tree.completed(start, end))
