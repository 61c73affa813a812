"""Closing acts that end access: of links, keys and connections, of people and their sessions, and of approvals."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from vault.database.transaction import Transaction
from vault.domain.approvals.approval import ApprovalState
from vault.domain.approvals.rule import ApprovalRule
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.audit_log.lost_access import LOSES_ACCESS, LostAccess, LostAccessType
from vault.domain.playback.link_key import LinkCut
from vault.domain.sign_in.step_up import StepUp
from vault.domain.stored.closing_content import APPROVAL_RULE, LINK_CUT, STEP_UP
from vault.services.closing_acts.kinds.kind import (
    AnyClosingKind,
    ClosingKind,
    restored_account,
    without_content,
    written,
)
from vault.services.lifecycle.restore_states import destroy_key
from vault.services.shared.end_access import end_access
from vault.services.shared.end_integration import end_integration


def _revoke_link(tx: Transaction, event: AccessEvent) -> None:
    tx.links.revoke(event.link_id or "", event.at)


def _revoke_key(tx: Transaction, event: AccessEvent) -> None:
    tx.api_keys.revoke(event.result or "", event.at)


def _delete_link_key(tx: Transaction, event: AccessEvent) -> None:
    tx.link_keys.delete(event.result or "", event.at)


def _read_cut(tx: Transaction, event: AccessEvent) -> LinkCut:
    return written(tx.link_keys.get_cut(event.result or ""), "a cut")


def _cut_links(tx: Transaction, event: AccessEvent, cut: LinkCut) -> None:
    if restored_account(tx, event) is not None:
        tx.link_keys.cut(cut)


def _destroy_key(tx: Transaction, event: AccessEvent) -> None:
    version = (event.result or "").removeprefix("v")
    if version.isdecimal():
        destroy_key(tx, event.account_id or "", int(version))


def _delete_connection(tx: Transaction, event: AccessEvent) -> None:
    # A new connection with the same name has another id.
    connection = tx.connections.get(event.result or "")
    if connection is not None:
        tx.connections.delete(connection)


def _end_access(kind: LostAccessType, tx: Transaction, event: AccessEvent) -> None:
    lost = LostAccess(
        kind=kind,
        account_id=event.account_id,
        at=event.at,
        session_id=event.session_id,
        result=event.result,
        identity=event.identity,
    )
    end_access(lost, tx)


def _end_approval(tx: Transaction, event: AccessEvent) -> None:
    state = ApprovalState(event.type.removeprefix("approval."))
    tx.approvals.end(event.result or "", state, event.at)


def _read_rule(tx: Transaction, event: AccessEvent) -> ApprovalRule:
    return tx.approval_rules.get(event.account_id or "")


def _tighten_rule(tx: Transaction, event: AccessEvent, rule: ApprovalRule) -> None:
    account_id = restored_account(tx, event)
    if account_id is not None:
        tx.approval_rules.tighten(account_id, rule)


def _read_step_up(tx: Transaction, event: AccessEvent) -> StepUp:
    return tx.step_ups.get(event.account_id or "")


def _require_step_up(tx: Transaction, event: AccessEvent, step_up: StepUp) -> None:
    account_id = restored_account(tx, event)
    if account_id is not None:
        tx.step_ups.require(account_id, step_up)


def _end_integration(tx: Transaction, event: AccessEvent) -> None:
    stored = tx.integrations.by_id(event.result or "")
    if stored is not None and stored.state != "ended":
        # Its grant may live on, and a worker has it revoked.
        end_integration(tx, stored, removes=event.type == "integration.removing", grant=stored.sealed)


ACCESS: Final[Mapping[EventType, AnyClosingKind]] = {
    "link.revoked": without_content(_revoke_link),
    "link.cut": ClosingKind(content=LINK_CUT, read=_read_cut, apply=_cut_links),
    "link_key.deleted": without_content(_delete_link_key),
    "integration.removing": without_content(_end_integration),
    "integration.ended": without_content(_end_integration),
    "key.revoked": without_content(_revoke_key),
    "key.destroyed": without_content(_destroy_key),
    "connection.deleted": without_content(_delete_connection),
    **{kind: without_content(partial(_end_access, kind)) for kind in LOSES_ACCESS},
    "approval.vetoed": without_content(_end_approval),
    "approval.executed": without_content(_end_approval),
    "approval_rule.tightened": ClosingKind(content=APPROVAL_RULE, read=_read_rule, apply=_tighten_rule),
    "step_up.required": ClosingKind(content=STEP_UP, read=_read_step_up, apply=_require_step_up),
}
