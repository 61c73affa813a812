"""The gate: a recording becomes available, is quarantined, or is refused.

Everything that can forbid a recording is read under the account's and the call's lock: earlier commits are
seen, and later ones see the gate's result.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.domain.consent.decision import Decision
from vault.domain.recordings.recording import Recording, State
from vault.domain.stored.consent_json import event_json
from vault.domain.stored.evidence import Evidence, call_json, decision_json
from vault.ports.database import Transaction
from vault.services.admission.case import CallContext
from vault.services.admission.evidence_chain import append
from vault.services.shared.encrypted_fields import OpenedRecording

_EVENTS: Mapping[State, EventType] = {
    State.AVAILABLE: "recording.available",
    State.QUARANTINED: "recording.quarantined",
    State.REFUSED: "recording.refused",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """The gate's result: the recording's new state, and the columns to set with it."""

    to: State
    values: Mapping[str, Any]


def passage(tx: Transaction, decision: Decision, recording: Recording) -> GateOutcome:
    """Return the gate outcome of a decision."""
    now = tx.now()
    if decision.verdict == "refuse":
        return GateOutcome(to=State.REFUSED, values={"reasons": decision.grounds})
    if decision.verdict == "quarantine":
        days = tx.policies.current(recording.account_id).quarantine_days
        until = recording.quarantined_until or now + timedelta(days=days)
        return GateOutcome(
            to=State.QUARANTINED, values={"reasons": decision.grounds, "quarantined_until": until}
        )
    values = {"reasons": (), "available_at": now, "manifest_due": True, "quarantined_until": None}
    return GateOutcome(to=State.AVAILABLE, values=values)


def chain_gate(
    tx: Transaction, opened: OpenedRecording, known: CallContext, decision: Decision, at: datetime
) -> str:
    """Append the evidence that arrived since sealing, then the gate's decision; return the head."""
    sealed = Evidence(canonical=opened.details().evidence).said
    if not tx.evidence.of_recording(opened.recording.id):
        # Only at the first gate: after it, evidence is appended as it arrives.
        sealed_ids = {event["id"] for event in sealed["consent"]}
        for event in known.events:
            if event.id not in sealed_ids:
                append(tx, opened, "consent", {"event": event_json(event)}, at=at)
        call = call_json(known.facts, known.statements)
        if any(call.get(name) != sealed.get(name) for name in ("call", "statements")):
            append(tx, opened, "facts", call, at=at)
    return append(tx, opened, "gate", {"decision": decision_json(decision)}, at=at)


def note(
    tx: Transaction, recording: Recording, to: State, *, actor: str, result: str | None, evidence: str | None
) -> None:
    """Write the access event of a gate outcome."""
    tx.events.append(
        AccessEvent(
            type=_EVENTS[to],
            at=tx.now(),
            account_id=recording.account_id,
            actor=actor,
            recording_id=recording.id,
            result=result,
            evidence=evidence,
        )
    )
