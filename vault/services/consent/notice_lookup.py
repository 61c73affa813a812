"""Look up notices and drafts, and write the access events of their changes."""

from datetime import datetime

from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EventType
from vault.domain.notices.notice import Notice
from vault.errors import NotFound, Refused


def one_of(tx: Transaction, account_id: str, notice_id: str) -> Notice:
    """Return a notice of this account. Raises NotFound."""
    notice = tx.notices.get(account_id, notice_id)
    if notice is None:
        raise NotFound("There is no such notice.")
    return notice


def draft_of(tx: Transaction, account_id: str, notice_id: str) -> Notice:
    """Return a draft of this account. Raises NotFound, Refused if the notice was published."""
    notice = one_of(tx, account_id, notice_id)
    if notice.status != "draft":
        message = f"Version {notice.version} was published and cannot be changed; draft a new notice."
        raise Refused(message, reasons=(notice.status,))
    return notice


def held_draft(tx: Transaction, account_id: str, notice_id: str) -> Notice:
    """Return a draft, locked against other changes until this transaction ends. Raises NotFound, Refused."""
    tx.lock_account(account_id, exclusive=True)
    return draft_of(tx, account_id, notice_id)


def record(tx: Transaction, kind: EventType, notice: Notice, *, at: datetime, actor: str) -> None:
    """Write the access event about a notice."""
    account_id = notice.account_id
    tx.events.append(AccessEvent(type=kind, at=at, account_id=account_id, actor=actor, result=notice.id))
