"""What the gate adds to the evidence of a recording: what arrived since it was sealed, and the decision."""

from collections.abc import Mapping
from typing import Any

from vault.database.transaction import Transaction
from vault.domain.consent.decision import Decision
from vault.domain.stored.consent_json import encode_event_fields
from vault.domain.stored.evidence import Entry, Evidence, encode_call_fields, encode_decision_fields
from vault.services.admission.case import CallContext
from vault.services.lifecycle.lifecycle import GateEvidence
from vault.services.shared.encrypted_fields import OpenedRecording


def gate_evidence(
    tx: Transaction, opened: OpenedRecording, known: CallContext, decision: Decision
) -> GateEvidence:
    """Return the evidence that arrived since sealing, then the gate's decision, as entries to add."""
    entries: list[tuple[Entry, Mapping[str, Any]]] = []
    sealed = Evidence(canonical=opened.details().evidence).content
    if not tx.evidence.of_recording(opened.recording.id):
        # Only at the first gate: after it, evidence is appended as it arrives.
        sealed_ids = {event["id"] for event in sealed["consent"]}
        entries += [
            ("consent", {"event": encode_event_fields(event)})
            for event in known.events
            if event.id not in sealed_ids
        ]
        call = encode_call_fields(known.facts, known.statements)
        if any(call.get(name) != sealed.get(name) for name in ("call", "statements")):
            entries.append(("facts", call))
    entries.append(("gate", {"decision": encode_decision_fields(decision)}))
    return GateEvidence(opened=opened, entries=entries)
