"""Decide again on a quarantined recording, through the same gate as any other."""

from datetime import timedelta

from vault.domain.consent.decision import Decision
from vault.domain.recordings.recording import State
from vault.ports.database import Transaction
from vault.services.admission.case import Admission, CallContext
from vault.services.admission.gate_outcome import chain_gate, note, passage
from vault.services.shared.encrypted_fields import OpenedRecording


def regate(
    tx: Transaction,
    admission: Admission,
    opened: OpenedRecording,
    known: CallContext,
    *,
    actor: str,
    released: bool = False,
) -> Decision:
    """Decide again on a recording in quarantine; the caller holds the account's and the call's lock.

    If the decision is quarantine, nothing changes.
    """
    recording = opened.recording
    length = recording.duration
    decision = admission.decide(
        tx,
        recording.account_id,
        known,
        received_at=recording.received_at,
        epoch_at_receipt=recording.epoch,
        duration=None if length is None else timedelta(seconds=length),
        described=True,
        released=released,
    )
    outcome = passage(tx, decision, recording)
    if outcome.to is State.QUARANTINED:
        return decision
    head = chain_gate(tx, opened, known, decision, tx.now())
    tx.queue.settle(recording, outcome.to, **outcome.values)
    note(tx, recording, outcome.to, actor=actor, result=_result(decision, released=released), evidence=head)
    return decision


def _result(decision: Decision, *, released: bool) -> str | None:
    if decision.verdict == "refuse":
        return decision.grounds[0].code
    # The last remark of an admission is its reason.
    return "released" if released else decision.remarks[-1].code
