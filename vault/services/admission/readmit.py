"""Decide again on a quarantined recording, through the same gate as any other."""

from datetime import timedelta

from vault.database.transaction import Transaction
from vault.domain.consent.decision import Decision
from vault.services.admission.case import Admission, CallContext
from vault.services.admission.gate_evidence import gate_evidence
from vault.services.lifecycle.lifecycle import pass_gate
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
    if decision.verdict != "quarantine":
        # The last remark of an admission is its reason.
        admitted_as = "released" if released else decision.remarks[-1].code if decision.record else None
        evidence = gate_evidence(tx, opened, known, decision)
        pass_gate(tx, recording, decision, evidence, actor=actor, admitted_as=admitted_as)
    return decision
