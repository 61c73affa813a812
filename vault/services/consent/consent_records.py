"""Consent as evidence: events that the platform reports over REST, and the evidence of a recording."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from vault.database.interface import Database
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import NO, Answer, ConsentEvent, Method, Party
from vault.domain.ids import new_id
from vault.domain.notices.notice import Notice
from vault.domain.recordings.recording import Recording, RecordingKeys
from vault.domain.stored.evidence import Evidence, check_chain
from vault.errors import Invalid, NotFound, RecordingErased, Refused
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.consent.record_consent import RecordConsent
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording
from vault.services.shared.paced import paced

#: The methods that are possible for what permits a recording. A no is stored by whatever method it is reported.
_METHODS: dict[Answer, frozenset[Method]] = {
    "announced": frozenset({"announcement", "tone", "form", "speech"}),
    "accepted": frozenset({"key", "speech", "form"}),
}

_Row = tuple[Recording | None, RecordingKeys | None, Sequence[EvidenceRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """One consent event of one party, as the platform sends it."""

    party: Party
    answer: Answer
    method: Method
    at: datetime
    #: The id of a published or retired notice version.
    notice: str | None = None
    offset: timedelta | None = None
    length: timedelta | None = None


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
class ConsentRecords:
    """Report consent, and read the evidence of a recording."""

    database: Database
    record_consent: RecordConsent
    clock: Clock
    ring: KeyRing

    async def report(
        self, account_id: str, call_ref: str, request: ConsentRequest, *, actor: str
    ) -> tuple[ConsentEvent, Decision]:
        """Store one consent event. Events keep the order in which the vault received them; the strictest one counts.

        Return the event and the current decision on the call. Raises Unavailable, and Invalid or Refused for what
        permits a recording and cannot be: a no is stored as it is reported.
        """
        if request.answer in _METHODS and request.method not in _METHODS[request.answer]:
            methods = ", ".join(sorted(_METHODS[request.answer]))
            raise Invalid(f"method must be one of {methods} for the event {request.answer}.", field="method")
        notice = None if request.notice is None else await self._notice(account_id, request)
        length = request.length
        if length is None and notice is not None and notice.audio_seconds is not None:
            length = timedelta(seconds=notice.audio_seconds)
        event = ConsentEvent(
            id=new_id("told"),
            party=request.party,
            answer=request.answer,
            method=request.method,
            at=request.at,
            heard_at=self.clock(),
            notice=None if notice is None else notice.as_evidence,
            offset=request.offset,
            length=length,
            told_by=actor,
        )
        return event, await self.record_consent(account_id, call_ref, event)

    async def _notice(self, account_id: str, request: ConsentRequest) -> Notice | None:
        found = await self.database.read(lambda tx: tx.notices.get(account_id, request.notice or ""))
        if found is not None and found.status != "draft":
            return found
        if request.answer in NO:
            return None
        raise Invalid("notice must be the id of a published or retired notice.", field="notice")

    async def read_evidence(self, account_id: str, recording_id: str, *, actor: str) -> EvidenceView:
        """Open the evidence of a recording. It contains personal data, so each read is an access event.

        Return the evidence after its chain is checked.

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
        chain = tuple([open_entry(opened, row) async for row in paced(rows)])
        check_chain(keys.evidence, (sealed, *chain))
        return EvidenceView(recording_id=recording_id, sealed=sealed, chain=chain)
