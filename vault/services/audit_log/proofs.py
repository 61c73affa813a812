"""For auditors: the log's checkpoints, its proofs and its export, and the export of a recording's key.

The log is exported as one file that can be verified without the vault (vault/tlog/FORMAT.md).
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from vault.database.interface import Database
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.database.stores.audit_log.log_tree import Leaf
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent, LoggedEvent
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.errors import Invalid, NotFound, Tampered, Unavailable
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.audit_log.account_export import read_part
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import prove_leaves, root_of, shown
from vault.services.shared.encrypted_fields import open_recording
from vault.tlog.checkpoint import open_checkpoint
from vault.tlog.log_file import write_head, write_leaf, write_node
from vault.tlog.note import Signer
from vault.tlog.proofs import consistency_proof
from vault.tlog.tree import Node

#: Entries per read.
BATCH_SIZE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogProofs:
    """For auditors: checkpoints, proofs and exports of the access log."""

    database: Database
    signer: Signer
    anchor: Anchor
    clock: Clock
    ring: KeyRing
    #: The worker anchors every two seconds. If the checkpoint is older than this, the request itself anchors.
    max_checkpoint_age: timedelta = timedelta(seconds=5)

    async def checkpoint(self) -> bytes:
        """Return the log's newest public checkpoint and its verifier key.

        Return the newest anchored checkpoint as a signed note. Raises Unavailable before the first.
        """
        last, leaves = await self.database.read(self._wanted)
        try:
            return (await self.anchor.covering(leaves)).note
        except Unavailable:
            # If a newer one cannot be anchored, the last anchored one is still valid.
            if last is None:
                raise
            return last.note

    def verifier_key(self) -> str:
        """Return the log's verifier key in text form."""
        return self.signer.verifier.write()

    def _wanted(self, tx: Transaction) -> tuple[StoredCheckpoint | None, int]:
        """Return the last checkpoint, and how many leaves to cover: all of them if that checkpoint is old."""
        last = shown(tx)
        # A time in the future comes from a node with a wrong clock; the real age is unknown.
        recent = last is not None and last.at <= self.clock() < last.at + self.max_checkpoint_age
        return last, 0 if recent else tx.tree.head().size

    async def prove_event(self, account_id: str, index: int, *, with_leaf: bool = False) -> bytes:
        """Prove that an event is in the log, to a verifier with its leaf and the log's verifier key.

        Return a proof file, ``with_leaf`` as its extra data: no signature covers that, but the proof leads from it to
        the root. Raises NotFound if the account has no event at the index, Unavailable.
        """

        def find(tx: Transaction) -> LoggedEvent:
            event = tx.events.at(account_id, index)
            if event is None:
                raise NotFound("There is no such event.")
            return event

        def prove(tx: Transaction) -> bytes:
            # In one transaction, so that leaf, hashes and checkpoint belong to one tree.
            extra = find(tx).leaf if with_leaf else b""
            return replace(prove_leaves(tx, [index])[0], extra=extra).write()

        await self.database.read(find)
        await self.anchor.covering(index + 1)
        return await self.database.read(prove)

    async def size_of(self, note: bytes) -> int:
        """Return the size of an earlier checkpoint, once the log is seen to begin with all that it covers.

        Raises Tampered for a note that this log did not sign, and if the log was rewritten since.
        """
        earlier = open_checkpoint(note, [self.signer.verifier])

        def compare(tx: Transaction) -> None:
            last = shown(tx)
            if last is None or last.size < earlier.size:
                raise Tampered("This checkpoint has more entries than the log: entries are missing.")
            if root_of(tx, earlier.size) != earlier.root:
                raise Tampered("The log does not contain this checkpoint: it was rewritten.")

        await self.database.read(compare)
        return earlier.size

    async def prove_growth(self, old_size: int, size: int) -> Sequence[bytes]:
        """Prove that the log is append-only: that an earlier tree is a prefix of a tree that a checkpoint covers.

        Return the hashes of PROOF(old_size, D[size]) of RFC 6962, section 2.1.2.

        Raises Invalid if the earlier tree is the larger one, or ``size`` is beyond the last anchored checkpoint:
        nothing newer has been published.
        """

        def prove(tx: Transaction) -> Sequence[bytes]:
            last = shown(tx)
            if size > (0 if last is None else last.size):
                raise Invalid("to must not exceed the size of the newest checkpoint.", field="to")
            return consistency_proof(tx.tree.node, old_size, size)

        if old_size > size:
            raise Invalid("from must not be greater than to.", field="from")
        return await self.database.read(prove)

    async def export_recording_key(self, recording_id: str, *, actor: str) -> Mapping[str, object]:
        """Export a recording's key, so that its objects can be decrypted without the vault. Logged first.

        Return what the official AWS Encryption SDK needs to decrypt the objects. Raises NotFound.
        """

        def take(tx: Transaction) -> tuple[Recording, RecordingKeys]:
            recording = tx.recordings.by_id(recording_id)
            keys = tx.recordings.keys(recording_id)
            if recording is None or keys is None:
                raise NotFound("There is no such recording, or it was erased.")
            tx.events.append(
                AccessEvent(
                    type="key.exported",
                    at=self.clock(),
                    account_id=recording.account_id,
                    actor=actor,
                    recording_id=recording_id,
                )
            )
            return recording, keys

        recording, keys = await self.database.write(take)
        opened = await open_recording(self.ring, recording, keys)
        objects = {"audio": opened.recording.audio, "rendition": opened.recording.rendition}
        return {
            "recording": recording_id,
            "key_namespace": opened.key.namespace,
            "key_name": opened.key.name,
            "key_hex": opened.key.secret.hex(),
            "objects": [
                {"purpose": purpose, "location": sealed.location, "bytes": sealed.size}
                for purpose, sealed in objects.items()
                if sealed is not None
            ],
        }

    async def export(self, account_id: str | None, *, earlier: Collection[int] = ()) -> AsyncIterator[bytes]:
        """Export the log up to a checkpoint: an account's own leaves in full, the others as roots of subtrees.

        Signed entries never change, so each part is read in its own transaction, and a slow reader blocks nothing.
        The file can be compared with checkpoints of the sizes in ``earlier``.

        Return the file in parts. For the operator (None), all leaves are in full.
        """
        if account_id is None:
            size, head = await self.export_head()
            return self._parts(size, head)
        size, head = await self.export_head(version=2)
        return self._account_parts(account_id, size, head, earlier)

    async def find_account(self, ref: str) -> str:
        """Return the id of an account by its name or id, also of one that is at another vault. Raises NotFound."""
        return await self.database.read(lambda tx: _account_id(tx, ref))

    async def export_head(self, *, version: int = 1) -> tuple[int, bytes]:
        """Return the number of entries in the file, and its head."""
        now = await self.database.read(lambda tx: tx.tree.head())
        checkpoint = await self.anchor.covering(now.size)
        return checkpoint.size, write_head(self.signer.verifier, checkpoint.note, version=version)

    async def export_entries(self, start: int, end: int) -> bytes:
        """Return the lines of the entries [start, end) in full. Raises Unavailable unless all of them are anchored."""
        leaves, nodes = await self.database.read(lambda tx: _read(tx, start, end))
        completed: dict[int, list[Node]] = {}
        for node in nodes:
            completed.setdefault(((node.index + 1) << node.level) - 1, []).append(node)
        lines = []
        for leaf in leaves:
            lines.append(write_leaf(leaf.index, leaf.hash, leaf.leaf))
            lines += [write_node(node) for node in completed.get(leaf.index, ())]
        return b"".join(lines)

    async def _parts(self, size: int, head: bytes) -> AsyncIterator[bytes]:
        yield head
        for start in range(0, size, BATCH_SIZE):
            yield await self.export_entries(start, min(start + BATCH_SIZE, size))

    async def _account_parts(
        self, account_id: str, size: int, head: bytes, earlier: Collection[int]
    ) -> AsyncIterator[bytes]:
        yield head
        at = 0
        while at < size:
            lines, at = await self.export_part(account_id, at, size, earlier)
            yield lines

    async def export_part(
        self, account_id: str, start: int, size: int, earlier: Collection[int]
    ) -> tuple[bytes, int]:
        """Return lines of an account's export from the entry ``start`` on, and the entry after them.

        ``size`` is that of the file's head. Raises Unavailable unless all of it is anchored.
        """
        return await self.database.read(lambda tx: _read_account(tx, account_id, start, size, earlier))


def _account_id(tx: Transaction, ref: str) -> str:
    known = tx.accounts.find(ref)
    if known is not None:
        return known.id
    move = tx.account_moves.named(ref) or tx.account_moves.of(ref)
    if move is None:
        raise NotFound("There is no such account.")
    return move.account_id


def _require_shown(tx: Transaction, end: int) -> None:
    last = shown(tx)
    if end > (0 if last is None else last.size):
        # The database was replaced by an older one since the head was written.
        raise Unavailable("The access log is shorter than when the export began. Export again.")


def _read_account(
    tx: Transaction, account_id: str, start: int, size: int, earlier: Collection[int]
) -> tuple[bytes, int]:
    _require_shown(tx, size)
    return read_part(tx, account_id, start, size, earlier)


def _read(tx: Transaction, start: int, end: int) -> tuple[list[Leaf], list[Node]]:
    _require_shown(tx, end)
    return list(tx.tree.leaves(start, end)), list(tx.tree.completed(start, end))
