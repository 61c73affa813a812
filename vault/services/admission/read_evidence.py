"""Read the evidence of a recording: complete, so that anybody can verify it without trusting the vault."""

from collections.abc import Sequence
from dataclasses import dataclass

from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.stored.evidence import Evidence, check_chain
from vault.errors import NotFound, RecordingErased, Refused
from vault.ports.clock import Clock
from vault.ports.consent_stores import EvidenceRow
from vault.ports.database import Database, Transaction
from vault.ports.keys import KeyRing
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording

_Row = tuple[Recording | None, RecordingKeys | None, Sequence[EvidenceRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView:
    """The evidence from sealing, and the entries chained to it."""

    recording_id: str
    #: Its digest is in the encryption context of every sealed part.
    sealed: Evidence
    chain: tuple[Evidence, ...]

    @property
    def head(self) -> str:
        """Return the digest of the newest entry."""
        return self.chain[-1].digest if self.chain else self.sealed.digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadEvidence:
    """Open the evidence of a recording. It contains personal data, so each read is an access event."""

    database: Database
    ring: KeyRing
    clock: Clock

    async def __call__(self, account_id: str, recording_id: str, *, actor: str) -> EvidenceView:
        """Return the evidence after its chain is checked.

        Raises NotFound, RecordingErased, Tampered, and Refused if there is none: before sealing or after a refusal.
        """

        def read(tx: Transaction) -> _Row:
            recording = tx.recordings.get(account_id, recording_id)
            keys, rows = tx.recordings.keys(recording_id), tx.evidence.of_recording(recording_id)
            if recording is not None and keys is not None:
                tx.events.append(
                    AccessEvent(
                        type="evidence.read",
                        at=self.clock(),
                        account_id=account_id,
                        actor=actor,
                        recording_id=recording_id,
                    )
                )
            return recording, keys, rows

        recording, keys, rows = await self.database.write(read)
        if recording is None:
            raise NotFound("There is no such recording.")
        if recording.erased_at is not None:
            raise RecordingErased("The recording was erased, and its evidence with it.")
        if keys is None or keys.details is None:
            raise Refused(f"A recording that is {recording.state} has no evidence.", reasons=("no_evidence",))
        opened = await open_recording(self.ring, recording, keys)
        sealed = Evidence(canonical=opened.details().evidence)
        chain = tuple(open_entry(opened, row) for row in rows)
        check_chain(keys.evidence, (sealed, *chain))
        return EvidenceView(recording_id=recording_id, sealed=sealed, chain=chain)
