"""Read, find and erase whole calls: their facts, the decision on them and their recordings."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.stores.calls.call_changes import ChangePlace
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.calls.metadata import Metadata, MetadataRow
from vault.domain.recordings.recording import GONE, Recording
from vault.errors import NotFound, Refused
from vault.ports.clock import Clock
from vault.services.admission.admission import Admission
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.call_rows import CallRows, read_call_rows
from vault.services.admission.call_start import CallAnswer, CallStart
from vault.services.admission.number_terms import CallTerms
from vault.services.ingest.change_metadata import ChangeMetadata
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.erase_call import await_erasure, erase_recordings, forget_facts
from vault.services.lifecycle.evidence_chain import EvidenceChain
from vault.services.lifecycle.guards import forbid_held_call
from vault.services.recordings.pause_recordings import PauseRecordings
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.missing_recordings import calls_without_recording
from vault.services.shared.paced import paced
from vault.services.shared.sealed_metadata import SealedMetadata

#: Recordings of a call that one transaction erases: each takes about 15 statements, and others wait meanwhile.
AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class CallView:
    """A call with its decrypted facts, its decision and its recordings."""

    facts: CallFacts
    #: The decision on the call as of now.
    decision: Decision
    #: Oldest first, including erased ones.
    recordings: Sequence[Recording]
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedCall:
    """A call in a list."""

    facts: CallFacts
    metadata: Metadata = field(default_factory=dict)
    #: Of it only the name is left.
    erased: bool = False

    @property
    def call_ref(self) -> str:
        """Return the platform's name of it."""
        return self.facts.call_ref


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedCalls:
    """Calls in the order of their last changes."""

    calls: Sequence[ListedCall]
    #: From where to ask again.
    until: ChangePlace
    #: Whether there may be more from there on already.
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Answer at call start; read, find and erase calls."""

    call_start: CallStart
    database: Database
    admission: Admission
    call_opener: CallOpener
    call_terms: CallTerms
    sealed_metadata: SealedMetadata
    #: Changes that of a call.
    metadata: ChangeMetadata
    #: Pauses the recording of one that goes on, by the provider's command.
    pauses: PauseRecordings
    chain: EvidenceChain
    clock: Clock

    async def start(self, account_id: str, facts: CallFacts) -> CallAnswer:
        """Store a call's facts, and decide whether and how it may be recorded.

        Return the decision, with the notices to play. Raises Unavailable.
        """
        return await self.call_start(account_id, facts)

    async def read(self, account_id: str, call_ref: str) -> CallView:
        """Return a call, even without a recording. Raises NotFound if nothing is stored about it, Unavailable."""

        def read(tx: Transaction) -> tuple[CallRows, Sequence[Recording], MetadataRow | None]:
            recordings = tx.recordings.of_call(account_id, call_ref)
            metadata = tx.call_metadata.get(account_id, call_ref)
            return read_call_rows(tx, account_id, call_ref), recordings, metadata

        rows, recordings, sealed = await self.database.read(read)
        if not (rows.facts or rows.consents or recordings):
            raise _not_found()
        opened = await self.chain.of_call(account_id, call_ref)
        own = [recording.details().facts async for recording in paced(opened.values())]
        known = await self.call_opener.open(account_id, call_ref, rows, *own)
        decision = await self.database.read(
            lambda tx: self.admission.decide(tx, account_id, known, received_at=self.clock())
        )
        metadata = {} if sealed is None else await self.sealed_metadata.open(sealed)
        return CallView(facts=known.facts, decision=decision, recordings=recordings, metadata=metadata)

    async def find(
        self, account_id: str, number: str, *, after: str | None, limit: int
    ) -> Sequence[ListedCall]:
        """Find calls by a party's number, including calls without recordings.

        Return a page of calls, ordered by name. Raises Invalid if ``number`` is not a phone number.
        """
        terms = await self.call_terms.terms_of_number(account_id, number)
        refs = await self.database.read(
            lambda tx: tx.call_facts.find(account_id, terms, after=after, limit=limit)
        )
        return await self._listed(account_id, refs)

    async def with_metadata(
        self, account_id: str, metadata: Sequence[tuple[str, str]], *, after: str | None, limit: int
    ) -> Sequence[ListedCall]:
        """Return a page of the calls whose own metadata has each of these keys and values, ordered by name."""
        terms = await self.sealed_metadata.terms(account_id, metadata)
        refs = await self.database.read(
            lambda tx: tx.call_metadata.find(account_id, terms, after=after or "", limit=limit)
        )
        return await self._listed(account_id, refs)

    async def changes(self, account_id: str, since: ChangePlace, *, limit: int) -> ChangedCalls:
        """Return a page of the calls that changed behind a place. Raises Invalid beyond the last change."""
        changes = await self.database.read(lambda tx: tx.call_changes.page(account_id, since, limit=limit))
        there = await self._listed(account_id, [one.call_ref for one in changes if not one.erased])
        listed = {one.call_ref: one for one in there}
        return ChangedCalls(
            calls=[listed.get(one.call_ref) or _erased(one.call_ref) for one in changes],
            until=changes[-1].place if changes else since,
            more=len(changes) == limit,
        )

    async def of_connection(self, account_id: str, call_refs: Sequence[str], connection_id: str) -> set[str]:
        """Return those of some calls of which a webhook of the connection has told."""
        return await self.database.read(
            lambda tx: tx.call_changes.of_connection(account_id, call_refs, connection_id)
        )

    async def _listed(self, account_id: str, refs: Sequence[str]) -> Sequence[ListedCall]:
        """Return the facts and the metadata of calls, in their order."""
        rows = await self.database.read(lambda tx: tx.call_metadata.of_calls(account_id, refs))
        opened = await self.sealed_metadata.open_all(rows)
        return [
            ListedCall(
                facts=(await self.call_opener.load_call(account_id, ref)).facts,
                metadata=opened.get((ref, ""), {}),
            )
            async for ref in paced(refs)
        ]

    async def without_recording(self, account_id: str, *, limit: int) -> Sequence[CallView]:
        """Return the calls of the last days that ended at least an hour ago and have no recording, the last one first.

        Some of them were not answered or may not be recorded, as their facts and the decision on them say. Raises
        Unavailable.
        """
        now = self.clock()
        refs = await self.database.read(lambda tx: calls_without_recording(tx, account_id, now))
        refs, found = refs[:limit], list[CallView]()
        rows = await self.database.read(lambda tx: tx.call_metadata.of_calls(account_id, refs))
        opened = await self.sealed_metadata.open_all(rows)
        async for ref in paced(refs):
            known = await self.call_opener.load_call(account_id, ref)
            decision = await self.database.read(
                lambda tx, known=known: self.admission.decide(tx, account_id, known, received_at=now)  # type: ignore[misc]
            )
            metadata = opened.get((ref, ""), {})
            found.append(CallView(facts=known.facts, decision=decision, recordings=(), metadata=metadata))
        return found

    async def erase(
        self, account_id: str, call_ref: str, *, actor: str, approved: Approved | None = None
    ) -> Sequence[Recording]:
        """Erase a call: its facts immediately, each of its recordings as ``Recordings.erase`` does.

        Its consent events stay, sealed: a no must also apply to recordings of the call that arrive later. Of a call
        with very many recordings, some are erased in later transactions; if this process dies, by the next sweep.

        Return the recordings of the call. A repeated call changes nothing. Raises NotFound, Unavailable, Held,
        ApprovalNeeded.
        """
        now = self.clock()
        waiting = await self.database.write(
            lambda tx: _begin_erasure(tx, account_id, call_ref, actor=actor, approved=approved, now=now)
        )
        if waiting is None:
            raise _not_found()
        for some in batches(waiting, AT_ONCE):
            await self.database.write(
                lambda tx, some=some: _erase_waiting(tx, account_id, call_ref, some, actor)  # type: ignore[misc]
            )
        # If a reader holds the write-ahead log now, a later checkpoint overwrites the deleted rows.
        await self.database.scrub()
        return await self.database.read(lambda tx: tx.recordings.of_call(account_id, call_ref))


def _begin_erasure(
    tx: Transaction, account_id: str, call_ref: str, *, actor: str, approved: Approved | None, now: datetime
) -> Sequence[str] | None:
    """Erase a call, and note for its recordings beyond ``AT_ONCE`` that they follow; None if there is no such call."""
    tx.lock_account_and_call(account_id, call_ref)
    recordings = tx.recordings.of_call(account_id, call_ref)
    facts = tx.call_facts.of_call(account_id, call_ref)
    if not (recordings or facts or tx.consents.of_call(account_id, call_ref)):
        return [] if tx.closing_acts.recall(account_id, "call.erased", call_ref) else None
    forbid_held_call(tx, account_id, call_ref)
    left = [recording for recording in recordings if recording.state not in GONE]
    erased = erase_recordings(tx, account_id, left[:AT_ONCE], actor=actor, at=now)
    for recording in left[AT_ONCE:]:
        await_erasure(tx, recording, cause="deletion", actor=actor, at=now)
    if facts or erased or approved is not None:
        ids = [recording.id for recording in left]
        require_approval(tx, account_id, "call_erasure", approved, {"recordings": len(left)}, things=ids)
        forget_facts(tx, account_id, call_ref, actor=actor, at=now)
    tx.closing_acts.recall(account_id, "call.erased", call_ref)
    for recording in recordings:
        tx.closing_acts.recall(account_id, "recording.erasing", recording.id)
    return [recording.id for recording in left[AT_ONCE:]]


def _erase_waiting(
    tx: Transaction, account_id: str, call_ref: str, recording_ids: Sequence[str], actor: str
) -> None:
    """Erase recordings whose erasure waits, those that nothing keeps."""
    tx.lock_account_and_call(account_id, call_ref)
    for recording_id in sorted(tx.pending_erasures.among(recording_ids)):
        with suppress(Refused):
            lifecycle.erase(tx, account_id, recording_id, actor=actor, at=tx.now())


def _erased(call_ref: str) -> ListedCall:
    return ListedCall(facts=CallFacts(call_ref=call_ref), erased=True)


def _not_found() -> NotFound:
    return NotFound("There is no such call.")
