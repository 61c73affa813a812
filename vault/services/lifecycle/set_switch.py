"""Set the recording switch in a transaction: with its event, and with the refusal of what is in flight.

It is enforced in ``domain/admission/decision.py``, for what arrives, and in ``in_flight.py``.
"""

from datetime import datetime

from vault.database.transaction import Transaction
from vault.domain.accounts.account import Switch
from vault.domain.audit_log.access_event import AccessEvent
from vault.services.lifecycle.in_flight import SWITCHED_OFF, refuse_in_flight


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
