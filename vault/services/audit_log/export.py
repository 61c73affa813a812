"""Exporting the whole access log as one file that can be verified elsewhere (vault/tlog/FORMAT.md)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from vault.errors import Unavailable
from vault.ports.access_log import Leaf
from vault.ports.database import Database, Transaction
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import shown
from vault.tlog.log_file import write_hash, write_head, write_leaf, write_node
from vault.tlog.note import Signer
from vault.tlog.tree import Node

#: Entries that are read at once.
BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLog:
    """Write the log up to a checkpoint: an account's own leaves in full, the others as hashes.

    What was signed never changes, so each part is read on its own, and a slow reader holds nothing.
    """

    database: Database
    signer: Signer
    anchor: Anchor

    async def __call__(self, account_id: str | None) -> AsyncIterator[bytes]:
        """Return the file, part by part; for None with all leaves in full, for the operator."""
        size, head = await self.head()
        return self._parts(account_id, size, head)

    async def head(self) -> tuple[int, bytes]:
        """Return how many entries the file has, and its first lines."""
        now = await self.database.read(lambda tx: tx.tree.head())
        checkpoint = await self.anchor.covering(now.size)
        return checkpoint.size, write_head(self.signer.verifier, checkpoint.note)

    async def entries(self, account_id: str | None, start: int, end: int) -> bytes:
        """Return the lines of the entries [start, end), all of them anchored. Raises Unavailable where they are not."""
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
        for start in range(0, size, BATCH_SIZE):
            yield await self.entries(account_id, start, min(start + BATCH_SIZE, size))


def _read(tx: Transaction, start: int, end: int) -> tuple[list[Leaf], list[Node]]:
    last = shown(tx)
    if end > (0 if last is None else last.size):
        # The database was exchanged since the head was written, for an older one.
        raise Unavailable("The access log does not reach that far any more.")
    return list(tx.tree.leaves(start, end)), list(tx.tree.completed(start, end))
