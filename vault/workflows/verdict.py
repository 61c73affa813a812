"""The two final verdicts on a recording that is held: refused by a rule, or failed."""

from vault.domain.access_event import AccessEvent, EventType
from vault.domain.admission import Decision
from vault.domain.reason import Reason
from vault.domain.recording import Lease, State
from vault.ports.database import Transaction


def refuse(tx: Transaction, held: Lease, decision: Decision) -> None:
    """Refuse a held recording for good, with an event."""
    recording = tx.queue.move(held, State.REFUSED, reasons=decision.grounds)
    _event(tx, "recording.refused", recording.account_id, recording.id, decision.grounds[0].code)


def fail(tx: Transaction, held: Lease, reason: Reason) -> None:
    """Give a held recording up, with an event."""
    recording = tx.queue.move(held, State.FAILED, reasons=(reason,))
    _event(tx, "recording.failed", recording.account_id, recording.id, reason.code)


def _event(tx: Transaction, kind: EventType, account_id: str, recording_id: str, result: str) -> None:
    tx.events.append(
        AccessEvent(
            type=kind,
            at=tx.now(),
            account_id=account_id,
            actor="worker",
            recording_id=recording_id,
            result=result,
        )
    )
