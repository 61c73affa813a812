"""Set the recording switch in a transaction: with its event, and with the refusal of what is in flight.

It is enforced in ``domain/admission/decision.py``, for what arrives, and here, with one statement and an access event
for each recording in flight of an account or a call.
"""

from datetime import datetime

from vault.database.stores.recordings.recording_states import RecordingStates
from vault.database.transaction import Transaction
from vault.domain.accounts.account import Switch
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.reason import Reason
from vault.domain.recordings.transitions import REFUSE
from vault.services.lifecycle.lifecycle import Cause, append_event

#: Why the recording switch refuses a recording in flight.
SWITCHED_OFF = Reason(
    code="switched_off_since_receipt",
    text="Recording was switched off while this recording was on its way.",
    source="recording-switch",
)


def set_switch(
    tx: Transaction, account_id: str, *, enabled: bool, reason: str | None, at: datetime, actor: str
) -> Switch | None:
    """Return the switch after the change; None, without a change, if it already has this value.

    ``reason`` is sealed. The caller holds the account's exclusive lock.
    """
    before = tx.accounts.switch(account_id)
    after = tx.accounts.set_switch(account_id, enabled=enabled, at=at, by=actor, reason=reason)
    if after == before:
        return None
    result = "on" if enabled else "off"
    tx.events.append(
        AccessEvent(type="switch.changed", at=at, account_id=account_id, actor=actor, result=result)
    )
    if not enabled:
        refuse_in_flight(tx, account_id, SWITCHED_OFF, at=at, actor=actor)
    return after


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
