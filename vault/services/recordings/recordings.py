"""Recordings: read one or a page of them with the facts of their calls, restrict and erase them.

A restricted recording is kept but cannot be played until the restriction is lifted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from vault.database.interface import Database
from vault.database.stores.calls.call_facts import CallFactRow
from vault.database.stores.recordings.recordings import terms_of
from vault.database.transaction import Transaction
from vault.domain.approvals.rule import Verb
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.calls.call import CallFacts
from vault.domain.calls.metadata import Metadata, MetadataRow
from vault.domain.consent.consent_event import PARTIES
from vault.domain.recordings.recording import GONE, Recording, RecordingFilter, RecordingKeys, State
from vault.domain.retention.judge import Ground, Wish
from vault.errors import NotFound, RecordingErased
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing
from vault.services.admission.number_terms import CallTerms
from vault.services.ingest.change_metadata import ChangeMetadata
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.restrict_recording import RestrictRecording
from vault.services.recordings.back_fills import BackFills
from vault.services.recordings.card_data import CardData
from vault.services.recordings.recording_changes import Changes, changes_since
from vault.services.recordings.redact_recording import RedactRecording
from vault.services.shared.approval_gate import Approved, require_approval
from vault.services.shared.encrypted_fields import join_facts, name_terms, open_facts, open_recording
from vault.services.shared.paced import paced
from vault.services.shared.sealed_metadata import SealedMetadata

_Row = tuple[Recording, RecordingKeys | None, Sequence[CallFactRow], Sequence[str], bool]
_Page = tuple[Sequence[_Row], Sequence[MetadataRow]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingView:
    """A recording with the decrypted facts of its call."""

    recording: Recording
    facts: CallFacts
    #: Why it is restricted: requests of persons, and ``domain.recordings.restriction.CAUSES``. Empty where it is not,
    #: or where a release before causes or a restore restricted it.
    restricted_by: Sequence[str] = ()
    #: Whether a hold keeps it from being erased.
    held: bool = False
    metadata: Metadata = field(default_factory=dict)
    #: That of its call.
    call_metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """Read, list, restrict and erase recordings, and remove spans of their audio."""

    database: Database
    ring: KeyRing
    call_terms: CallTerms
    sealed_metadata: SealedMetadata
    #: Changes that of a recording.
    metadata: ChangeMetadata
    restriction: RestrictRecording
    #: Removes spans of the audio.
    redact: RedactRecording
    #: Finds keyed digits, to be removed too.
    card_data: CardData
    #: Lets that reach recordings that were there before.
    back_fills: BackFills
    clock: Clock

    async def read(self, account_id: str, recording_id: str) -> RecordingView:
        """Return one recording in any state. Raises NotFound."""

        def find(tx: Transaction) -> _Page:
            recording = tx.recordings.get(account_id, recording_id)
            return _page(tx, account_id, [] if recording is None else [recording], self.clock())

        found = await self._views(await self.database.read(find))
        if not found:
            raise NotFound("There is no such recording.")
        (view,) = found
        if not view.recording.restricted or view.recording.state in GONE:
            return view
        # By what the parties said: it may be restricted by a release that noted no causes, and a no may be taken back.
        try:
            parties = await self.restriction.parties_against(account_id, recording_id)
        except RecordingErased:
            # Since it was read above: nothing restricts it any more.
            return await self.read(account_id, recording_id)
        others = [cause for cause in view.restricted_by if cause not in PARTIES]
        return replace(view, restricted_by=[*parties, *others])

    async def agents_of(self, account_id: str, recording_id: str, agents: Collection[str]) -> frozenset[str]:
        """Return which of these agents, keyed hashes in hexadecimal, a recording has; none if there is no recording."""

        def find(tx: Transaction) -> frozenset[str]:
            recording = tx.recordings.get(account_id, recording_id)
            terms = frozenset() if recording is None else terms_of(tx.connection, recording)
            return frozenset(term.hex() for term in terms) & frozenset(agents)

        return await self.database.read(find)

    async def open_details(self, account_id: str, recording_id: str, *, actor: str) -> RecordingView:
        """Return one recording to a person, which is logged before. Raises NotFound."""
        event = AccessEvent(
            type="details.read",
            at=self.clock(),
            account_id=account_id,
            actor=actor,
            recording_id=recording_id,
        )

        def log(tx: Transaction) -> None:
            if tx.recordings.get(account_id, recording_id) is None:
                raise NotFound("There is no such recording.")
            tx.events.append(event)

        await self.database.write(log)
        return await self.read(account_id, recording_id)

    async def page(
        self,
        account_id: str,
        wanted: RecordingFilter,
        *,
        number: str | None,
        agent: str | None,
        agents: Collection[str] | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[RecordingView]:
        """Return a page, newest first. Numbers, agents and metadata are found only by their keyed hashes.

        With ``agents``, keyed hashes in hexadecimal, only recordings of these agents. Raises Invalid if ``number`` is
        not a phone number.
        """
        terms: list[tuple[bytes, ...]] = []
        if number is not None:
            terms.append(await self.call_terms.terms_of_number(account_id, number))
        if agent is not None:
            terms.append(tuple(name_terms(await self.call_terms.index_key(account_id), "agent", agent)))
        if agents is not None:
            terms.append(tuple(bytes.fromhex(one) for one in agents))
        tagged = await self.sealed_metadata.terms(account_id, metadata) if metadata else ()
        wanted = replace(wanted, terms=tuple(terms), metadata=tagged)

        def find(tx: Transaction) -> _Page:
            page = tx.recordings.page(account_id, wanted, before=before, limit=limit)
            return _page(tx, account_id, page, self.clock())

        return await self._views(await self.database.read(find))

    async def newest_ids(self, account_id: str, wanted: RecordingFilter, *, limit: int) -> Sequence[str]:
        """Return the ids of the newest recordings of a filter; nothing is decrypted."""
        found = await self.database.read(
            lambda tx: tx.recordings.page(account_id, wanted, before=None, limit=limit)
        )
        return [one.id for one in found]

    async def place(self) -> int:
        """Return the place in the log from which ``changes`` finds what changes after this."""
        return (await self.database.read(lambda tx: tx.tree.head())).size

    async def changes(self, account_id: str, place: int, *, limit: int) -> Changes:
        """Return at most ``limit`` recordings that have changed from a place in the log on.

        Who asks again from ``until`` sees each change at least once. Raises Invalid beyond the end of the log.
        """
        return await self.database.read(lambda tx: changes_since(tx, account_id, place, limit=limit))

    async def _views(self, page: _Page) -> Sequence[RecordingView]:
        rows, sealed = page
        metadata = await self.sealed_metadata.open_all(sealed)
        # Recordings of one call have its facts together: each is decrypted once for a page.
        opened = dict[str, CallFacts]()
        return [_with_metadata(await self._view(row, opened), metadata) async for row in paced(rows)]

    async def _view(self, row: _Row, opened: dict[str, CallFacts]) -> RecordingView:
        """Decrypt a row; ``opened``: facts of its call by id, to which those are added that are opened here."""
        recording, keys, rows, causes, held = row
        if recording.state in {State.ERASING, State.ERASED}:
            return RecordingView(recording=recording, facts=CallFacts(call_ref=recording.call_ref))
        facts = await open_facts(self.ring, rows, opened)
        opened.update((fact.id, one) for fact, one in zip(rows, facts, strict=True))
        if keys is not None and keys.details is not None:
            facts.insert(0, (await open_recording(self.ring, recording, keys)).details().facts)
        joined = join_facts(recording.call_ref, facts)
        return RecordingView(recording=recording, facts=joined, restricted_by=causes, held=held)

    async def restrict(
        self,
        account_id: str,
        recording_id: str,
        *,
        restricted: bool,
        reason: str | None,
        actor: str,
        told_at: datetime | None = None,
        informed: Collection[str] = (),
    ) -> None:
        """Restrict a recording or lift its restriction. Open playback sessions get no more audio of a restricted one.

        Setting the current value changes nothing. Raises NotFound, RecordingErased, Refused if its erasure waits, and
        Invalid if the restriction was asked for by persons, and ``told_at`` and ``informed`` do not say when they were
        informed that it is lifted: see ``RestrictRecording``.
        """
        await self.restriction(
            account_id,
            recording_id,
            restricted=restricted,
            reason=reason,
            actor=actor,
            told_at=told_at,
            informed=informed,
        )

    async def erase(
        self,
        account_id: str,
        recording_id: str,
        *,
        ground: Ground | None = None,
        actor: str,
        approved: Approved | None = None,
    ) -> Recording:
        """Shred a recording: when this returns, its keys are deleted and no byte of it is served any more.

        ``ground``: one that overrides every minimum; it always needs an approval.
        Return the recording, which is now erasing. Raises NotFound, RecordingErased, Held, ApprovalNeeded, and Refused
        before the end of a minimum.

        If the object of this closing act is not known to be stored, a repeated call stores it and raises nothing.
        """
        at = self.clock()

        def begin(tx: Transaction) -> Recording:
            tx.lock_account(account_id)
            known = tx.recordings.get(account_id, recording_id)
            if known is not None:
                # A concurrent append to the call's evidence has committed before, or finds no recording.
                tx.lock_call(account_id, known.call_ref)
                if known.state in GONE and tx.closing_acts.recall(
                    account_id, "recording.erasing", recording_id
                ):
                    return known
            wish, result = _wish(tx, recording_id, ground)
            erased = lifecycle.erase(
                tx, account_id, recording_id, actor=actor, at=at, result=result, wish=wish
            )
            # Last, so that only what could be erased is asked for; an error undoes the erasure.
            verb: Verb = "recording_erasure" if ground is None else "erasure_within_minimum"
            require_approval(tx, account_id, verb, approved, {"recordings": 1}, things=[recording_id])
            return erased

        return await self.database.write(begin)


def _wish(tx: Transaction, recording_id: str, ground: Ground | None) -> tuple[Wish, str | None]:
    """Return who wants an erasure, and the result of its event: a party whose withdrawal waits for it wants it too."""
    if ground is not None:
        return "ground", ground
    pending = tx.pending_erasures.get(recording_id)
    if pending is not None and pending.cause == "withdrawal":
        return "withdrawal", "withdrawal"
    return "deletion", None


def _page(tx: Transaction, account_id: str, recordings: Sequence[Recording], now: datetime) -> _Page:
    ids = [recording.id for recording in recordings]
    held = tx.holds.held_among(account_id, ids, now)
    calls = {recording.call_ref for recording in recordings}
    facts = {call_ref: tx.call_facts.of_call(account_id, call_ref) for call_ref in calls}
    metadata = tx.call_metadata.of_calls(account_id, calls, ids) if ids else ()
    rows = [
        (
            recording,
            tx.recordings.keys(recording.id),
            facts[recording.call_ref],
            tx.requests.restricts(recording.id) if recording.restricted else (),
            recording.id in held,
        )
        for recording in recordings
    ]
    return rows, metadata


def _with_metadata(view: RecordingView, metadata: Mapping[tuple[str, str], Metadata]) -> RecordingView:
    recording = view.recording
    if recording.state in GONE:
        return view
    own, of_call = metadata.get((recording.call_ref, recording.id)), metadata.get((recording.call_ref, ""))
    return replace(view, metadata=own or {}, call_metadata=of_call or {})
