"""The part of the log that may be shown: up to the newest anchored checkpoint, if the tree still matches it.

Shared by services. Code that shows a part of the tree must check in the same transaction, so that a database
replaced or modified meanwhile cannot put other nodes under a checkpoint.
"""

from collections.abc import Sequence

from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.transaction import Transaction
from vault.errors import Tampered, Unavailable
from vault.tlog.checkpoint import Checkpoint, parse_checkpoint
from vault.tlog.proof_file import ProofFile
from vault.tlog.proofs import inclusion_proof
from vault.tlog.tree import read_frontier


def root_of(tx: Transaction, size: int) -> bytes:
    """Return the root of the database's log at ``size`` leaves."""
    return read_frontier(tx.tree.node, size).root()


def text_of(checkpoint: StoredCheckpoint) -> Checkpoint:
    """Parse a checkpoint that the vault signed; its signature was checked when it was stored."""
    return parse_checkpoint(checkpoint.note.decode().partition("\n\n")[0] + "\n")


def shown(tx: Transaction) -> StoredCheckpoint | None:
    """Return the newest checkpoint that may be shown; None before the first one.

    Raises Tampered if the tree in this transaction does not have its root.
    """
    last = tx.checkpoints.last()
    if last is not None and (tx.tree.head().size < last.size or root_of(tx, last.size) != text_of(last).root):
        raise Tampered("The access log in the database is not the one that its last checkpoint signs.")
    return last


def prove_leaves(tx: Transaction, indexes: Sequence[int]) -> list[ProofFile]:
    """Return the proofs of leaves, under the newest checkpoint. Raises Unavailable if it does not cover them."""
    last = shown(tx)
    if last is None or last.size <= max(indexes):
        raise Unavailable("The database was just replaced. Repeat.", retry_after=1)
    return [
        ProofFile(index=index, hashes=inclusion_proof(tx.tree.node, index, last.size), checkpoint=last.note)
        for index in indexes
    ]
