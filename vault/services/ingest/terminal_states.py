"""The two terminal states of a leased recording: refused by a decision, or failed."""

from vault.domain.audit_log.access_event import AccessEvent, EventType
from vault.domain.consent.decision import Decision
from vault.domain.reason import Reason
from vault.domain.recordings.recording import Lease, Recording, State
from vault.ports.database import Transaction

_WORKER = "worker"


def refuse(tx: Transaction, lease: Lease, decision: Decision, *, actor: str = _WORKER) -> Recording:
    """Refuse a leased recording permanently, with an access event; return the updated recording."""
    recording = tx.queue.move(lease, State.REFUSED, reasons=decision.grounds)
    _event(tx, "recording.refused", recording, actor, decision.grounds[0].code)
    return recording


def fail(tx: Transaction, lease: Lease, reason: Reason) -> None:
    """Move a leased recording to failed, with an access event."""
    recording = tx.queue.move(lease, State.FAILED, reasons=(reason,))
    _event(tx, "recording.failed", recording, _WORKER, reason.code)


def _event(tx: Transaction, kind: EventType, recording: Recording, actor: str, result: str) -> None:
    tx.events.append(
        AccessEvent(
            type=kind,
            at=tx.now(),
            account_id=recording.account_id,
            actor=actor,
            recording_id=recording.id,
            result=result,
        )
    )
