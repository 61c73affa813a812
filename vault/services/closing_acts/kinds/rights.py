"""Closing acts of an account: its recording switch, holds, retention policies, and requests of persons."""

from collections.abc import Mapping
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.accounts.account import SwitchChange
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.switch_history import merge_history
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.closing_content import HOLD, REQUEST, RETENTION, SWITCH
from vault.domain.stored.request_rows import StoredRequest
from vault.domain.stored.retention_json import StoredHold
from vault.services.closing_acts.kinds.kind import AnyClosingKind, ClosingKind, restored_account, written
from vault.services.lifecycle.set_switch import SWITCHED_OFF, refuse_in_flight


def _read_switch(tx: Transaction, event: AccessEvent) -> SwitchChange:
    return tx.accounts.switch_changes(event.account_id or "", start=0, limit=1, newest_first=True)[0]


def _switch_off(tx: Transaction, event: AccessEvent, change: SwitchChange) -> None:
    account_id = restored_account(tx, event)
    if account_id is None:
        return
    history = tx.accounts.switch_history(account_id)
    if any(known.at == change.at and not known.enabled for known in history):
        return
    tx.restore.switch(account_id, merge_history(history, [change], ()))
    # A later switch on was made without knowledge of this act. Off wins.
    tx.accounts.set_switch(account_id, enabled=False, at=tx.now(), by=change.by, reason=change.reason)
    refuse_in_flight(tx, account_id, SWITCHED_OFF, at=tx.now(), actor=event.actor)


def _read_hold(tx: Transaction, event: AccessEvent) -> StoredHold:
    return written(tx.holds.get(event.account_id or "", event.result or ""), "a hold")


def _hold(tx: Transaction, event: AccessEvent, stored: StoredHold) -> None:
    if restored_account(tx, event) is not None:
        tx.holds.restore(stored)


def _read_policy(tx: Transaction, event: AccessEvent) -> RetentionPolicy:
    version = int((event.result or "").removeprefix("v"))
    return tx.retention.version(event.account_id or "", version)


def _change_retention(tx: Transaction, event: AccessEvent, policy: RetentionPolicy) -> None:
    account_id = restored_account(tx, event)
    if account_id is not None:
        tx.retention.restore(account_id, [policy])


def _read_request(tx: Transaction, event: AccessEvent) -> StoredRequest:
    return tx.requests.stored(event.account_id or "", event.result or "")


def _decide(tx: Transaction, event: AccessEvent, stored: StoredRequest) -> None:
    account_id = restored_account(tx, event)
    if account_id is not None:
        tx.restore.requests(account_id, [stored])


RIGHTS: Final[Mapping[EventType, AnyClosingKind]] = {
    "switch.changed": ClosingKind(content=SWITCH, read=_read_switch, apply=_switch_off),
    "hold.placed": ClosingKind(content=HOLD, read=_read_hold, apply=_hold),
    "hold.released": ClosingKind(content=HOLD, read=_read_hold, apply=_hold),
    "retention.changed": ClosingKind(content=RETENTION, read=_read_policy, apply=_change_retention),
    "request.decided": ClosingKind(content=REQUEST, read=_read_request, apply=_decide),
    "account.closure_withdrawn": ClosingKind(content=REQUEST, read=_read_request, apply=_decide),
}
