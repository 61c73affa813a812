"""Export the access log as one file that can be verified without the vault (vault/tlog/FORMAT.md)."""

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

#: Entries per read.
BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportLog:
    """Export the log up to a checkpoint: an account's own leaves in full, the others as hashes.

    Signed entries never change, so each part is read in its own transaction, and a slow reader blocks nothing.
    """

    database: Database
    signer: Signer
    anchor: Anchor

    async def __call__(self, account_id: str | None) -> AsyncIterator[bytes]:
        """Return the file in parts. For the operator (None), all leaves are in full."""
        size, head = await self.head()
        return self._parts(account_id, size, head)

    async def head(self) -> tuple[int, bytes]:
        """Return the number of entries in the file, and its head."""
        now = await self.database.read(lambda tx: tx.tree.head())
        checkpoint = await self.anchor.covering(now.size)
        return checkpoint.size, write_head(self.signer.verifier, checkpoint.note)

    async def entries(self, account_id: str | None, start: int, end: int) -> bytes:
        """Return the lines of the entries [start, end). Raises Unavailable unless all of them are anchored."""
        leaves, nodes = await self.database.read(lambda tx: _read(tx, start, end))
        completed: dict[int, list[Node]] = {}
        for node in nodes:
            completed.setdefault(((node.index + 1) << node.level) - 1, []).append(node)
        lines = []
        for leaf in leaves:
            in_full = account_id is None or leaf.account_id == account_id
            lines.append(
                write_leaf(leaf.index, leaf.hash, leaf.leaf) if in_full else write_hash(leaf.index, leaf.hash)
            )
            lines += [write_node(node) for node in completed.get(leaf.index, ())]
        return b"".join(lines)

    async def _parts(self, account_id: str | None, size: int, head: bytes) -> AsyncIterator[bytes]:
        yield head
        for start in range(0, size, BATCH_SIZE):
            yield await self.entries(account_id, start, min(start + BATCH_SIZE, size))


def _read(tx: Transaction, start: int, end: int) -> tuple[list[Leaf], list[Node]]:
    last = shown(tx)
    if end > (0 if last is None else last.size):
        # The database was replaced by an older one since the head was written.
        raise Unavailable("The access log is shorter than when the export began. Export again.")
    return list(tx.tree.leaves(start, end)), list(tx.tree.completed(start, end))
