"""Refuse all recordings in flight of an account or a call, with one statement and an access event for each."""

from datetime import datetime

from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.transaction import Transaction
from vault.domain.reason import Reason
from vault.domain.recordings.transitions import REFUSE
from vault.services.lifecycle.lifecycle import Cause, append_event

#: Why the recording switch refuses a recording in flight.
SWITCHED_OFF = Reason(
    code="switched_off_since_receipt",
    text="Recording was switched off while this recording was on its way.",
    source="recording-switch",
)


def refuse_in_flight(
    tx: Transaction, account_id: str, reason: Reason, *, at: datetime, actor: str, call_ref: str | None = None
) -> None:
    """Refuse the recordings in flight of the account, or of one call, and append an event for each.

    The caller holds the account's exclusive lock, or the lock of the call.
    """
    cause = Cause(actor=actor, at=at, result=reason.code)
    refused = RecordingStates(tx.connection).refuse_in_flight(account_id, reason, call_ref=call_ref)
    for recording_id in refused:
        append_event(tx, REFUSE, account_id=account_id, recording_id=recording_id, cause=cause)
