"""Reapply closing acts to a database that lost them. Each effect is idempotent."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from vault.database.stores.consent import ConsentRow
from vault.database.stores.objections import ObjectionRow
from vault.database.transaction import Transaction
from vault.domain.accounts.account import SwitchChange
from vault.domain.approvals.approval import ApprovalState
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.audit_log.access_event import EventType
from vault.domain.audit_log.replay import merge_history
from vault.domain.playback.link_key import LinkCut
from vault.domain.reason import Reason
from vault.domain.recordings.recording import GONE, Recording, State
from vault.domain.retention.policy import RetentionPolicy
from vault.domain.stored.account_json import StoredObjection
from vault.domain.stored.closing_acts import Act
from vault.domain.stored.closing_content import ConsentRefusal, ErasedCall
from vault.domain.stored.request_rows import StoredRequest
from vault.domain.stored.retention_json import StoredHold
from vault.errors import NotFound
from vault.services.lifecycle.in_flight import SWITCHED_OFF, refuse_in_flight
from vault.services.lifecycle.lifecycle import reapply_erasure
from vault.services.lifecycle.restore_states import (
    close_successors,
    destroy_key,
    restore_contact_end,
    restore_pending_call,
    restore_pending_erasure,
    restore_tombstone,
)
from vault.services.shared.end_access import LostAccess, end_access
from vault.services.shared.end_listening import restrict_again


def reapply(tx: Transaction, act: Act) -> None:
    """Apply the act's effect. Rows that are missing in this database are skipped."""
    account_id = act.event.account_id
    if account_id is not None:
        tx.lock_account(account_id, exclusive=True)
    EFFECTS[act.event.type](tx, act)


def _switch(tx: Transaction, act: Act) -> None:
    change, account_id = act.content, act.event.account_id
    assert isinstance(change, SwitchChange) and account_id is not None  # noqa: S101, PT018 - ensured by decoding
    if not _has_account(tx, account_id):
        return
    history = tx.accounts.switch_history(account_id)
    if any(known.at == change.at and not known.enabled for known in history):
        return
    tx.restored.switch(account_id, merge_history(history, [change], ()))
    # A later switch on was made without knowledge of this act. Off wins.
    tx.accounts.set_switch(account_id, enabled=False, at=tx.now(), by=change.by, reason=change.reason)
    refuse_in_flight(tx, account_id, SWITCHED_OFF, at=tx.now(), actor=act.event.actor)


def _objection(tx: Transaction, act: Act) -> None:
    kept, account_id = act.content, act.event.account_id
    assert isinstance(kept, StoredObjection) and account_id is not None  # noqa: S101, PT018 - see above
    if not _has_account(tx, account_id):
        return
    if all(row.id != kept.id for row in tx.objections.of_terms(account_id, [kept.term])):
        tx.objections.restore(
            ObjectionRow(
                id=kept.id,
                account_id=account_id,
                term=kept.term,
                sealed_number=kept.sealed_number,
                key_version=kept.key_version,
                objection=kept.objection,
            )
        )


def _refuse_consent(tx: Transaction, act: Act) -> None:
    refusal, account_id = act.content, act.event.account_id
    assert isinstance(refusal, ConsentRefusal) and account_id is not None  # noqa: S101, PT018 - see above
    tx.lock_call(account_id, refusal.call_ref)
    known = [row for row in tx.consents.of_call(account_id, refusal.call_ref) if row.id == refusal.id]
    if known and (
        known[0].key_version >= refusal.key_version or not _has_key(tx, account_id, refusal.key_version)
    ):
        return
    tx.consents.restore(
        ConsentRow(
            id=refusal.id,
            account_id=account_id,
            call_ref=refusal.call_ref,
            heard_at=refusal.heard_at,
            sealed_event=refusal.sealed_event,
            key_version=refusal.key_version,
        )
    )
    if known:
        return  # Only re-encrypted: the older version of the key is destroyed, or will be.
    party, _, answer = (act.event.result or "").rpartition("_")
    reason = Reason(code=answer, text=f"The {party} {answer}.", source="consent")
    refuse_in_flight(tx, account_id, reason, at=tx.now(), actor=act.event.actor, call_ref=refusal.call_ref)


def _erase(tx: Transaction, act: Act) -> None:
    recording = act.content
    assert isinstance(recording, Recording)  # noqa: S101 - see above
    row = tx.recordings.by_id(recording.id)
    if row is None:
        # The tombstone blocks retries from its source; ERASING makes the worker delete its remains.
        _bury(tx, replace(recording, state=State.ERASING), at=act.event.at)
    elif row.state not in GONE:
        reapply_erasure(tx, row)


def _refuse_one(tx: Transaction, act: Act) -> None:
    recording = act.content
    assert isinstance(recording, Recording)  # noqa: S101 - see above
    _bury(tx, replace(recording, state=State.REFUSED), at=act.event.at, due=True)


def _bury(tx: Transaction, tombstone: Recording, *, at: datetime, due: bool = False) -> None:
    if restore_tombstone(tx, tombstone, due=due):
        close_successors(tx, tombstone, at=at)


def _restrict(tx: Transaction, act: Act) -> None:
    row = tx.recordings.by_id(act.event.recording_id or "")
    if row is not None and row.state not in GONE:
        restrict_again(tx, row, actor=act.event.actor)


def _forget_call(tx: Transaction, act: Act) -> None:
    call, account_id = act.content, act.event.account_id
    assert isinstance(call, ErasedCall) and account_id is not None  # noqa: S101, PT018 - see above
    tx.lock_call(account_id, call.call_ref)
    # What was erased stays so, whatever has been held since.
    tx.call_facts.forget_call(account_id, call.call_ref, held=())


def _await_call_erasure(tx: Transaction, act: Act) -> None:
    call, account_id = act.content, act.event.account_id
    assert isinstance(call, ErasedCall) and account_id is not None  # noqa: S101, PT018 - see above
    tx.lock_call(account_id, call.call_ref)
    if tx.call_facts.of_call(account_id, call.call_ref):
        restore_pending_call(tx, account_id, call.call_ref, actor=act.event.actor, at=act.event.at)


def _revoke_link(tx: Transaction, act: Act) -> None:
    tx.links.revoke(act.event.link_id or "", act.event.at)


def _revoke_key(tx: Transaction, act: Act) -> None:
    tx.api_keys.revoke(act.event.result or "", act.event.at)


def _delete_link_key(tx: Transaction, act: Act) -> None:
    tx.link_keys.delete(act.event.result or "", act.event.at)


def _cut_links(tx: Transaction, act: Act) -> None:
    cut, account_id = act.content, act.event.account_id
    assert isinstance(cut, LinkCut) and account_id is not None  # noqa: S101, PT018 - see above
    if _has_account(tx, account_id):
        tx.link_keys.cut(cut)


def _destroy_key(tx: Transaction, act: Act) -> None:
    version = (act.event.result or "").removeprefix("v")
    if version.isdecimal():
        destroy_key(tx, act.event.account_id or "", int(version))


def _delete_connection(tx: Transaction, act: Act) -> None:
    # A new connection with the same name has another id.
    connection = tx.connections.get(act.event.result or "")
    if connection is not None:
        tx.connections.delete(connection)


def _hold(tx: Transaction, act: Act) -> None:
    stored, account_id = act.content, act.event.account_id
    assert isinstance(stored, StoredHold) and account_id is not None  # noqa: S101, PT018 - see above
    if _has_account(tx, account_id):
        tx.holds.restore(stored)


def _change_retention(tx: Transaction, act: Act) -> None:
    policy, account_id = act.content, act.event.account_id
    assert isinstance(policy, RetentionPolicy) and account_id is not None  # noqa: S101, PT018 - see above
    if _has_account(tx, account_id):
        tx.retention.restore(account_id, [policy])


def _restore_request(tx: Transaction, act: Act) -> None:
    stored, account_id = act.content, act.event.account_id
    assert isinstance(stored, StoredRequest) and account_id is not None  # noqa: S101, PT018 - see above
    if _has_account(tx, account_id):
        tx.restored.requests(account_id, [stored])


def _await_erasure(tx: Transaction, act: Act) -> None:
    event = act.event
    row = tx.recordings.by_id(event.recording_id or "")
    if row is not None and row.state not in GONE:
        restore_pending_erasure(tx, row, cause=event.result or "request", actor=event.actor, at=event.at)
        _restrict(tx, act)


def _continue_contact(tx: Transaction, act: Act) -> None:
    event = act.event
    row = tx.recordings.by_id(event.recording_id or "")
    if row is not None and row.state not in GONE:
        restore_contact_end(tx, row, ended_at=None, actor=event.actor, at=event.at)


def _end_approval(tx: Transaction, act: Act) -> None:
    state = ApprovalState(act.event.type.removeprefix("approval."))
    tx.approvals.end(act.event.result or "", state, act.event.at)


def _tighten_rule(tx: Transaction, act: Act) -> None:
    rule, account_id = act.content, act.event.account_id
    assert isinstance(rule, ApprovalRule) and account_id is not None  # noqa: S101, PT018 - see above
    if _has_account(tx, account_id):
        tx.approval_rules.tighten(account_id, rule)


def _end_access(tx: Transaction, act: Act) -> None:
    event = act.event
    ended = event.session_id if event.type == "console.ended" else event.result
    end_access(
        tx,
        LostAccess(
            kind=event.type, id=ended or "", account_id=event.account_id, at=event.at, identity=event.identity
        ),
    )


#: The effect of each closing event type (vault/domain/stored/closing_acts.py).
EFFECTS: Final[Mapping[EventType, Callable[[Transaction, Act], None]]] = {
    "switch.changed": _switch,
    "objection.entered": _objection,
    "consent.told": _refuse_consent,
    "recording.erasing": _erase,
    "recording.refused": _refuse_one,
    "recording.restricted": _restrict,
    "call.erased": _forget_call,
    "call.pending_erasure": _await_call_erasure,
    "link.revoked": _revoke_link,
    "link.cut": _cut_links,
    "link_key.deleted": _delete_link_key,
    "key.revoked": _revoke_key,
    "key.destroyed": _destroy_key,
    "connection.deleted": _delete_connection,
    "hold.placed": _hold,
    "hold.released": _hold,
    "retention.changed": _change_retention,
    "recording.pending_erasure": _await_erasure,
    "recording.contact_end_withdrawn": _continue_contact,
    "request.decided": _restore_request,
    "account.closure_withdrawn": _restore_request,
    "console.ended": _end_access,
    "approval.vetoed": _end_approval,
    "approval.executed": _end_approval,
    "approval_rule.tightened": _tighten_rule,
    "sign_in.deleted": _end_access,
    "role.revoked": _end_access,
    "member.removed": _end_access,
}


def _has_account(tx: Transaction, account_id: str) -> bool:
    try:
        tx.accounts.switch(account_id)
    except NotFound:
        return False
    return True


def _has_key(tx: Transaction, account_id: str, version: int) -> bool:
    try:
        tx.accounts.wrapped_key(account_id, version)
    except NotFound:
        return False
    return True
