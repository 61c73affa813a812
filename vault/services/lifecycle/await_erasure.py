"""Let a person's erasure wait while a hold or a legal minimum stops it."""

from datetime import datetime

from vault.database.stores.calls.pending_calls import PendingCall
from vault.database.stores.retention.holds import PendingErasure
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.recording import Recording
from vault.domain.retention.judge import Wish


def await_erasure(tx: Transaction, recording: Recording, *, cause: Wish, actor: str, at: datetime) -> None:
    """Note that the recording is erased when nothing stops that any more; the caller restricts it immediately.

    The caller holds the account's and the call's lock. The first cause and time are kept: a repetition changes nothing.
    """
    pending = PendingErasure(
        recording_id=recording.id, account_id=recording.account_id, since=at, cause=cause, actor=actor
    )
    if not tx.pending_erasures.add(pending):
        tx.closing_acts.recall(recording.account_id, "recording.pending_erasure", recording.id)
        return
    tx.events.append(
        AccessEvent(
            type="recording.pending_erasure",
            at=at,
            account_id=recording.account_id,
            actor=actor,
            recording_id=recording.id,
            result=cause,
        )
    )


def await_call_erasure(tx: Transaction, account_id: str, call_ref: str, *, actor: str, at: datetime) -> None:
    """Note that the facts of a call are erased when no hold covers it and no recording of it is left.

    The caller holds the account's and the call's lock. A repetition changes nothing.
    """
    pending = PendingCall(account_id=account_id, call_ref=call_ref, since=at, actor=actor)
    if not tx.pending_calls.add(pending):
        tx.closing_acts.recall(account_id, "call.pending_erasure", call_ref)
        return
    tx.events.append(
        AccessEvent(type="call.pending_erasure", at=at, account_id=account_id, actor=actor, subject=call_ref)
    )
