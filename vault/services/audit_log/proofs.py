"""For auditors: the log's checkpoints, inclusion and consistency proofs, and the export of a recording's key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.errors import Invalid, NotFound, Unavailable
from vault.ports.access_log import KeptCheckpoint
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import shown
from vault.services.shared.encrypted_fields import open_recording
from vault.tlog.note import Signer
from vault.tlog.proof_file import ProofFile
from vault.tlog.proofs import consistency_proof, inclusion_proof


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadCheckpoint:
    """Return the log's newest public checkpoint and its verifier key."""

    database: Database
    signer: Signer
    anchor: Anchor
    clock: Clock
    #: The worker anchors every two seconds. If the checkpoint is older than this, the request itself anchors.
    oldest: timedelta = timedelta(seconds=5)

    async def __call__(self) -> bytes:
        """Return the newest anchored checkpoint as a signed note. Raises Unavailable before the first."""
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

    def _wanted(self, tx: Transaction) -> tuple[KeptCheckpoint | None, int]:
        """Return the last checkpoint, and how many leaves to cover: all of them if that checkpoint is old."""
        last = shown(tx)
        # A time in the future comes from a node with a wrong clock; the real age is unknown.
        recent = last is not None and last.at <= self.clock() < last.at + self.oldest
        return last, 0 if recent else tx.tree.head().size


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveEvent:
    """Prove that an event is in the log, to a verifier with its leaf and the log's verifier key."""

    database: Database
    anchor: Anchor

    async def __call__(self, account_id: str, index: int) -> bytes:
        """Return a proof file. Raises NotFound if the account has no event at the index, Unavailable."""

        def find(tx: Transaction) -> None:
            if tx.events.at(account_id, index) is None:
                raise NotFound("There is no such event.")

        def prove(tx: Transaction) -> bytes:
            # In one transaction, so that leaf, hashes and checkpoint belong to one tree.
            find(tx)
            last = shown(tx)
            if last is None or last.size <= index:
                raise Unavailable("The database was just replaced. Repeat.", retry_after=1)
            hashes = inclusion_proof(tx.tree.node, index, last.size)
            return ProofFile(index=index, hashes=hashes, checkpoint=last.note).write()

        await self.database.read(find)
        await self.anchor.covering(index + 1)
        return await self.database.read(prove)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveGrowth:
    """Prove that the log is append-only: that an earlier tree is a prefix of a tree that a checkpoint covers."""

    database: Database

    async def __call__(self, old_size: int, size: int) -> Sequence[bytes]:
        """Return the hashes of PROOF(old_size, D[size]) of RFC 6962, section 2.1.2.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportKey:
    """Export a recording's key, so that its objects can be decrypted without the vault. Logged first."""

    database: Database
    ring: KeyRing
    clock: Clock

    async def __call__(self, recording_id: str, *, actor: str) -> Mapping[str, object]:
        """Return what the official AWS Encryption SDK needs to decrypt the objects. Raises NotFound."""

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
