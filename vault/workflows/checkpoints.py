"""Signing checkpoints: a kernel that the verbs share.

What is signed is the head as it was committed: on SQLite the writer moves it after the function has
run, on PostgreSQL the transaction sees what others committed. So any node may sign at any moment: two
that sign one size sign the same bytes, for the tree of a size never changes and Ed25519 draws no lots.
"""

from vault.errors import Tampered
from vault.ports.access_log import KeptCheckpoint
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint
from vault.tlog.note import Signer


async def checkpoint_covering(
    database: Database, signer: Signer, clock: Clock, *, leaves: int
) -> KeptCheckpoint:
    """Return a checkpoint of at least so many leaves: the last one, or one that is signed now."""
    last = await database.read(lambda tx: tx.checkpoints.last())
    if last is not None and last.size >= leaves:
        return last
    return await database.write(lambda tx: sign_head(tx, signer, clock))


def sign_head(tx: Transaction, signer: Signer, clock: Clock) -> KeptCheckpoint:
    """Sign the committed head and keep the checkpoint, unless there is one of its size.

    Raises Tampered if that one has another root: then the tree was changed after it was signed.
    """
    head = tx.tree.head()
    checkpoint = Checkpoint(origin=signer.name, size=head.size, root=head.root)
    signed = KeptCheckpoint(size=head.size, note=sign_checkpoint(checkpoint, signer), at=clock())
    kept = tx.checkpoints.keep(signed)
    if not kept.note.startswith(checkpoint.text().encode()):
        raise Tampered("A checkpoint of this size was signed over another root.")
    return kept
