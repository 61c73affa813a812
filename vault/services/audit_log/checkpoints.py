"""What of the log may be shown: the newest checkpoint that is anchored, if the tree below it is still the same.

A kernel that the verbs share. Code that shows a part of the tree asks in the same transaction, so that a database that
was exchanged or written in meanwhile cannot put other nodes below a checkpoint.
"""

from vault.errors import Tampered
from vault.ports.access_log import KeptCheckpoint
from vault.ports.database import Transaction
from vault.tlog.checkpoint import Checkpoint, parse_checkpoint
from vault.tlog.tree import read_frontier


def root_of(tx: Transaction, size: int) -> bytes:
    """Return the root that the database's log had when it had ``size`` leaves."""
    return read_frontier(tx.tree.node, size).root()


def text_of(checkpoint: KeptCheckpoint) -> Checkpoint:
    """Return what a checkpoint of the vault's own says; its signature was checked when it was kept."""
    return parse_checkpoint(checkpoint.note.decode().partition("\n\n")[0] + "\n")


def shown(tx: Transaction) -> KeptCheckpoint | None:
    """Return the newest checkpoint that may be shown; None before the first one.

    Raises Tampered where the tree of this very transaction does not have its root.
    """
    last = tx.checkpoints.last()
    if last is not None and (tx.tree.head().size < last.size or root_of(tx, last.size) != text_of(last).root):
        raise Tampered("The access log in the database is not the one that its last checkpoint signs.")
    return last
