"""Change the state of one recording along the table of transitions, with its access event.

Each function runs in the caller's transaction, under the locks that it names. The row changes by a compare-and-swap
on its state and on the lease, so a worker that has lost its lease changes nothing: all raise LeaseLost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from vault import metrics
from vault.database.stores.calls.call_state import GateState
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.ids import new_id
from vault.domain.reason import Reason
from vault.domain.recordings.recording import GONE, LEASE, Lease, Recording, State
from vault.domain.recordings.transitions import (
    ADMIT,
    ERASE,
    FAIL,
    FINISH_ERASURE,
    QUARANTINE,
    REFUSE,
    RETRY,
    STORE,
    Transition,
)
from vault.domain.retention.judge import Wish
from vault.domain.stored.evidence import Entry
from vault.errors import NotFound, RecordingErased
from vault.services.lifecycle.audio_columns import CallTimeColumns, DescribedAudio, StoredAudio
from vault.services.lifecycle.delete_packages import delete_packages_with
from vault.services.lifecycle.evidence_chain import append, append_first
from vault.services.lifecycle.guards import GUARDS
from vault.services.lifecycle.untried_url import has_untried_url
from vault.services.shared.encrypted_fields import OpenedRecording

WORKER: Final = "worker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Who changes a state, and why, for the access event; ``wish``: who wants an erasure."""

    actor: str
    #: A code, such as that of a refusal.
    result: str | None = None
    #: None: the database's time.
    at: datetime | None = None
    #: The digest of the evidence entry that this change adds.
    evidence: str | None = None
    event_id: str | None = None
    sealed_detail: bytes | None = None
    wish: Wish = "deletion"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvidence:
    """The entries that the gate adds to the evidence of a recording."""

    opened: OpenedRecording
    entries: Sequence[tuple[Entry, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedGate:
    """A recording after the gate, and the evidence that the gate added."""

    recording: Recording
    chain: Sequence[EvidenceRow]
    has_metadata: bool = False


def store(tx: Transaction, lease: Lease, audio: StoredAudio, *, after: timedelta = timedelta()) -> Recording:
    """Record the stored audio; the gate follows in ``after``, under the account's lock. Raises KeyRetired."""
    values: dict[str, object] = {**audio, "not_before": tx.now() + after}
    if lease.recording.has_newer_url and not has_untried_url(tx, lease):
        # The audio is that of the newer announcement: if it cannot be decoded, there is no other to be tried.
        values["reasons"] = ()
    return _change(tx, STORE, lease, values)


def retry(
    tx: Transaction,
    lease: Lease,
    *,
    after: timedelta,
    reason: Reason | None = None,
    attempts: int | None = None,
) -> Recording:
    """Return the recording to the queue, for another attempt in ``after``; ``attempts``: how many count.

    Where it was announced again during this attempt, the next one follows immediately, and this one does not count.
    """
    if has_untried_url(tx, lease):
        return _change(tx, RETRY, lease, {"not_before": tx.now(), "attempts": 1})
    values: dict[str, object] = {"not_before": tx.now() + after}
    values |= {} if reason is None else {"reasons": (reason,)}
    values |= {} if attempts is None else {"attempts": attempts}
    return _change(tx, RETRY, lease, values)


def pass_gate(
    tx: Transaction,
    subject: Lease | Recording,
    decision: Decision,
    evidence: GateEvidence,
    *,
    actor: str = WORKER,
    admitted_as: str | None = None,
    audio: DescribedAudio | None = None,
    stored: StoredAudio | None = None,
    times: CallTimeColumns | None = None,
    seen: GateState | None = None,
) -> PassedGate:
    """Admit, quarantine or refuse a recording as decided, and add that to its evidence.

    The caller holds the locks under which it decided, and read ``seen``. ``admitted_as``: the event's result for an
    admission. With ``stored`` it stores the recording, maybe anew, or raises KeyRetired. Its lease goes on if admitted.
    """
    now = tx.now() if seen is None else seen.now
    if isinstance(subject, Lease):
        chain = append_first(tx, evidence.opened, evidence.entries, at=now)
    else:
        chain = [append(tx, evidence.opened, entry, content, at=now) for entry, content in evidence.entries]
    transition, outcome = _outcome(tx, decision, _recording_of(subject), now)
    values: dict[str, object] = {**(stored or {}), **(times or {})}
    if audio is not None:
        # The announcement is needed only to fetch, and later work counts its own attempts.
        values |= {**audio, "sealed_announcement": None, "attempts": 0}
    if transition is ADMIT and isinstance(subject, Lease):
        values |= {"lease_token": subject.token, "lease_until": now + LEASE}
    result = admitted_as if transition is ADMIT else decision.grounds[0].code
    cause = Cause(actor=actor, at=now, result=result, evidence=chain[-1].digest if chain else None)
    newest = None if seen is None else seen.key_version
    before = [] if _recording_of(subject).state in transition.sources else [STORE]
    changed = _change(tx, transition, subject, values | outcome, cause, before=before, newest_key=newest)
    if transition is ADMIT and isinstance(subject, Lease):
        waited = (now - changed.received_at).total_seconds()
        metrics.AVAILABLE.labels(changed.arrival).observe(max(0.0, waited))
    return PassedGate(recording=changed, chain=chain)


def refuse(
    tx: Transaction,
    subject: Lease | Recording,
    reasons: Sequence[Reason],
    *,
    actor: str = WORKER,
    event_id: str | None = None,
    sealed_detail: bytes | None = None,
) -> Recording:
    """Refuse a recording permanently. ``sealed_detail`` is what a person typed, sealed for the event ``event_id``."""
    cause = Cause(actor=actor, result=reasons[0].code, event_id=event_id, sealed_detail=sealed_detail)
    return _change(tx, REFUSE, subject, {"reasons": tuple(reasons)}, cause)


def fail(tx: Transaction, lease: Lease, reason: Reason) -> Recording:
    """End a recording that no attempt can store, unless it was announced again: then the newer URL is fetched."""
    if has_untried_url(tx, lease):
        return retry(tx, lease, after=timedelta())
    return _change(tx, FAIL, lease, {"reasons": (reason,)}, Cause(actor=WORKER, result=reason.code))


def erase(
    tx: Transaction,
    account_id: str,
    recording_id: str,
    *,
    actor: str,
    at: datetime,
    result: str | None = None,
    wish: Wish = "deletion",
    keep_packages: bool = False,
) -> Recording:
    """Delete a recording's keys; a worker deletes the rest. The caller holds the account's and the call's lock.

    The packages of persons that have it are deleted too, unless ``keep_packages``: an answer to a person that is made
    outlives what ends by time and with the account, until it expires.
    Raises NotFound, RecordingErased, Held, Refused before the end of a minimum.
    """
    cause = Cause(actor=actor, at=at, result=result, wish=wish)
    erased = _erase(tx, account_id, recording_id, cause)
    if not keep_packages:
        delete_packages_with(tx, recording_id, actor=actor, at=at)
    return erased


def reapply_erasure(tx: Transaction, recording: Recording) -> Recording:
    """Erase a recording whose erasure the log already has. Raises NotFound, RecordingErased."""
    erased = _erase(tx, recording.account_id, recording.id, None)
    delete_packages_with(tx, recording.id, actor=WORKER, at=None)
    return erased


def finish_erasure(tx: Transaction, lease: Lease, *, locked_until: datetime | None = None) -> Recording:
    """Record that every object is deleted, or that the object store keeps some under a lock until ``locked_until``.

    The caller holds the account's and the call's lock.
    """
    now = tx.now()
    values = {
        "erased_at": now, "manifest_key_version": None, "object_locked_until": locked_until,
        "lock_state": "none", "object_hold": 0,
    }  # fmt: skip
    result = None if locked_until is None else "locked"
    return _change(tx, FINISH_ERASURE, lease, values, Cause(actor=WORKER, at=now, result=result))


def _outcome(
    tx: Transaction, decision: Decision, recording: Recording, now: datetime
) -> tuple[Transition, dict[str, object]]:
    """Return the transition that a decision at the gate means, and the columns that it sets."""
    if decision.verdict == "refuse":
        return REFUSE, {"reasons": decision.grounds}
    if decision.verdict == "quarantine":
        days = tx.policies.current(recording.account_id).quarantine_days
        until = recording.quarantined_until or now + timedelta(days=days)
        return QUARANTINE, {"reasons": decision.grounds, "quarantined_until": until}
    return ADMIT, {"reasons": (), "available_at": now, "quarantined_until": None}


def _erase(tx: Transaction, account_id: str, recording_id: str, cause: Cause | None) -> Recording:
    states = RecordingStates(tx.connection)
    recording = states.lock(account_id, recording_id)
    if recording is None:
        raise NotFound("There is no such recording.")
    if recording.state in GONE:
        raise RecordingErased("The recording was erased.")
    if recording.state is State.REFUSED:
        states.delete_event_details(recording_id)
    values = {"attempts": 0, "not_before": tx.now()}
    changed = _change(tx, ERASE, recording, values, cause, logged=cause is None)
    # Behind the guards: a caller may go on after their refusal, and the erasure still waits then.
    tx.pending_erasures.remove(recording_id)
    tx.contact_ends.remove(recording_id)
    return changed


def _change(
    tx: Transaction,
    transition: Transition,
    subject: Lease | Recording,
    values: Mapping[str, object],
    cause: Cause | None = None,
    *,
    before: Sequence[Transition] = (),
    logged: bool = False,
    newest_key: int | None = None,
) -> Recording:
    """Ask the guards, change the row, and append the transition's event.

    ``before``: transitions without an event, made by the same change of the row. If ``logged``, the log already has
    the event: change the row, call no guard and append no event. ``newest_key``: see ``RecordingStates.change``.
    """
    recording = _recording_of(subject)
    if transition.shreds and not logged:
        for guard in GUARDS:
            guard(tx, recording, transition, "deletion" if cause is None else cause.wish)
    token = subject.token if isinstance(subject, Lease) else None
    changed = RecordingStates(tx.connection).change(
        (*before, transition), recording, values, token=token, newest_key=newest_key
    )
    if transition.event is not None and not logged:
        if cause is None:
            raise ValueError(f"A change to {transition.target} needs a cause for its access event.")
        append_event(tx, transition, account_id=recording.account_id, recording_id=recording.id, cause=cause)
    return changed


def append_event(
    tx: Transaction, transition: Transition, *, account_id: str, recording_id: str, cause: Cause
) -> None:
    """Append the access event of a transition that was made."""
    if transition.event is None:
        raise ValueError(f"A change to {transition.target} has no access event.")
    tx.events.append(
        AccessEvent(
            id=cause.event_id or new_id("evt"),
            type=transition.event,
            at=cause.at or tx.now(),
            account_id=account_id,
            actor=cause.actor,
            recording_id=recording_id,
            result=cause.result,
            evidence=cause.evidence,
            sealed_detail=cause.sealed_detail,
        )
    )


def _recording_of(subject: Lease | Recording) -> Recording:
    return subject.recording if isinstance(subject, Lease) else subject
