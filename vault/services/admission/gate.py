"""The gate: the transaction in which a recording becomes available, is quarantined, or is refused.

Everything that can forbid a recording is read under the account's and the call's lock, so earlier commits are seen and
later ones see the result. ``decide`` (vault/domain/admission/decision.py) decides; the lifecycle changes the row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from vault.database.stores.calls.call_state import GateState
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.admission.find_pause import NOT_SEEN, Finding, find_pause
from vault.domain.audit_log.event_types.recordings import ON_ARRIVAL
from vault.domain.reason import Reason
from vault.domain.recordings.card_data import CARD_LEFT, proposals_of
from vault.domain.recordings.pause import RecordingPause
from vault.domain.recordings.recording import Lease, Recording
from vault.domain.recordings.transitions import REDACT
from vault.domain.stored.evidence import Entry, Evidence, encode_call_fields, encode_decision_fields
from vault.domain.stored.sealed_records import encode_event_fields
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext, call_span, times_to_note
from vault.services.lifecycle.audio_columns import Described, StoredAudio
from vault.services.lifecycle.guards import forbid_held_recording, may_be_held
from vault.services.lifecycle.lifecycle import (
    WORKER,
    Cause,
    GateEvidence,
    PassedGate,
    append_event,
    pass_gate,
    refuse,
)
from vault.services.shared.clock_skew import checked_now
from vault.services.shared.encrypted_fields import OpenedRecording


def gate(
    tx: Transaction,
    *,
    admission: Admission,
    lease: Lease,
    opened: OpenedRecording,
    known: CallContext,
    found: Described,
    stored: StoredAudio | None = None,
    removed: Mapping[str, Any] | None = None,
) -> PassedGate | None:
    """Let a described recording through, or refuse it: then its objects must be deleted.

    ``stored`` is written too, if the row does not name the sealed object yet; then this may raise KeyRetired.
    ``removed``: what the evidence says of card numbers that are not in this audio any more; then this raises Held if a
    hold covers the recording, which keeps the audio that arrived.
    Return None if facts of the call were added after ``known`` was read: the caller reads them and calls again.
    """
    recording = lease.recording
    tx.lock_account_and_call(recording.account_id, recording.call_ref)
    seen = tx.call_state.at_gate(recording.account_id, recording.call_ref)
    if seen.fact_ids != frozenset(known.fact_ids) or seen.consents != known.consent_rows:
        return None
    audio, seconds = found.columns, found.columns.get("duration")
    decision = _decide(tx, admission, recording, known, seconds=seconds, seen=seen)
    pauses = _pauses(tx, recording, known, found) if seen.has_pauses else ()
    for reason in _of_audio(tx, recording, found, pauses):
        decision = _kept_from_ears(decision, reason)
    if not decision.record:
        return PassedGate(recording=refuse(tx, lease, decision.grounds), chain=())
    evidence = _evidence(opened, known, decision, first=True, pauses=pauses, removed=removed)
    times = times_to_note(recording, known.claims)
    passed = pass_gate(tx, lease, decision, evidence, audio=audio, stored=stored, times=times, seen=seen)
    if known.claims.numbers or known.claims.agents:
        tx.call_facts.index_recording(recording.account_id, recording.call_ref, recording.id)
    tx.recordings.index(recording.account_id, recording.id, known.terms)
    tx.card_data.propose(proposals_of(recording, found.keyed_digits, at=tx.now()))
    if removed is not None:
        _note_removal(tx, passed)
    return replace(passed, has_metadata=seen.has_metadata)


def decide_again(
    tx: Transaction,
    admission: Admission,
    opened: OpenedRecording,
    known: CallContext,
    *,
    actor: str,
    released: bool = False,
) -> Decision:
    """Decide again on a recording in quarantine; the caller holds the account's and the call's lock.

    If the decision is quarantine, nothing changes; what a hold covers stays there for lack of evidence, too.
    """
    recording = opened.recording
    decision = _decide(tx, admission, recording, known, seconds=recording.duration, released=released)
    if not decision.record and not decision.is_forbidden and may_be_held(tx, recording, checked_now(tx)):
        decision = replace(decision, verdict="quarantine")
    for reason in (CARD_LEFT, NOT_SEEN):
        # Evidence of consent says nothing about a card number, nor about what was said while it was paused.
        if not released and reason in recording.reasons:
            decision = _kept_from_ears(decision, reason)
    if decision.verdict != "quarantine":
        # The last remark of an admission is its reason.
        admitted_as = "released" if released else decision.remarks[-1].code if decision.record else None
        evidence = _evidence(opened, known, decision, first=False)
        pass_gate(tx, recording, decision, evidence, actor=actor, admitted_as=admitted_as)
    return decision


def _pauses(
    tx: Transaction, recording: Recording, known: CallContext, found: Described
) -> list[tuple[RecordingPause, Finding]]:
    """Return the pauses of the call, and whether each is in the audio."""
    seconds = found.columns.get("duration")
    span = call_span(
        known.claims,
        received_at=recording.received_at,
        duration=None if seconds is None else timedelta(seconds=seconds),
        described=True,
    )
    return [
        (pause, find_pause(pause, span, found.silences or ()))
        for pause in tx.recording_pauses.of_call(recording.account_id, recording.call_ref)
    ]


def _of_audio(
    tx: Transaction,
    recording: Recording,
    found: Described,
    pauses: Sequence[tuple[RecordingPause, Finding]],
) -> list[Reason]:
    """Return why nobody hears this audio before a person did, whatever the parties have said."""
    reasons = []
    if found.card_numbers and tx.card_data.policy(recording.account_id).keyed_digits == "redact":
        reasons.append(CARD_LEFT)
    if any(finding == "not_seen" for _, finding in pauses):
        reasons.append(NOT_SEEN)
    return reasons


def _kept_from_ears(decision: Decision, reason: Reason) -> Decision:
    """Return the decision to let nobody hear it before a person did, unless it is refused anyway."""
    if decision.verdict == "refuse":
        return decision
    return replace(decision, verdict="quarantine", grounds=(reason, *decision.grounds))


def _note_removal(tx: Transaction, passed: PassedGate) -> None:
    """Log that card numbers were removed, and have the provider's copy deleted, which has them. Raises Held."""
    recording = passed.recording
    # The numbers and times that a hold compares are written by now.
    forbid_held_recording(tx, recording)
    tx.provider_copies.request_deletion(recording.id)
    # The last entry is the gate's decision.
    cause = Cause(actor=WORKER, result=ON_ARRIVAL, evidence=passed.chain[-2].digest)
    append_event(tx, REDACT, account_id=recording.account_id, recording_id=recording.id, cause=cause)


def _decide(
    tx: Transaction,
    admission: Admission,
    recording: Recording,
    known: CallContext,
    *,
    seconds: float | None,
    released: bool = False,
    seen: GateState | None = None,
) -> Decision:
    """Decide on a recording whose audio was described; ``seconds`` is its duration."""
    return admission.decide(
        tx,
        recording.account_id,
        known,
        received_at=recording.received_at,
        epoch_at_receipt=recording.epoch,
        duration=None if seconds is None else timedelta(seconds=seconds),
        described=True,
        released=released,
        seen=seen,
    )


def _evidence(
    opened: OpenedRecording,
    known: CallContext,
    decision: Decision,
    *,
    first: bool,
    pauses: Sequence[tuple[RecordingPause, Finding]] = (),
    removed: Mapping[str, Any] | None = None,
) -> GateEvidence:
    """Return the entries to add: what arrived since sealing, pauses, what was removed, then the gate's decision."""
    entries: list[tuple[Entry, Mapping[str, Any]]] = []
    if first:
        # After the first gate, evidence is appended as it arrives.
        sealed = Evidence(canonical=opened.details().evidence).content
        sealed_ids = {event["id"] for event in sealed["consent"]}
        entries += [
            ("consent", {"event": encode_event_fields(event)})
            for event in known.events
            if event.id not in sealed_ids
        ]
        call = encode_call_fields(known.facts, known.statements)
        if any(call.get(name) != sealed.get(name) for name in ("call", "statements")):
            entries.append(("facts", call))
    entries += [("pause", {"pause": {**pause.encoded(), "audio": finding}}) for pause, finding in pauses]
    entries += [] if removed is None else [("redaction", removed)]
    entries.append(("gate", {"decision": encode_decision_fields(decision)}))
    return GateEvidence(opened=opened, entries=entries)
