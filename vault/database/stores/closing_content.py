"""The content of closing acts that their leaves lack, read in the transaction of the act."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import Row, select

from vault.database.schema.consent import consent_events, objections
from vault.database.schema.core import recordings, switch_changes
from vault.database.schema.retention import retention_policies
from vault.database.stores.approval_rule_rows import rule_of
from vault.database.stores.holds import HoldRows
from vault.database.stores.link_keys import LinkKeyRows
from vault.database.stores.recordings import RECORDING_COLUMNS, recording_of
from vault.database.stores.request_backup import read_request
from vault.database.stores.retention_rows import policy_of
from vault.domain.accounts.account import SwitchChange
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.consent.consent_event import Objection
from vault.domain.stored.account_json import StoredObjection
from vault.domain.stored.closing_content import ConsentRefusal, Content, ContentName, ErasedCall


def _nothing(_db: DbConnection, _event: AccessEvent) -> Content:
    return None


def _switch(db: DbConnection, event: AccessEvent) -> Content:
    mine = switch_changes.c.account_id == event.account_id
    row = db.execute(select(switch_changes).where(mine).order_by(switch_changes.c.id.desc()).limit(1)).one()
    return SwitchChange(**{name: row._mapping[name] for name in SwitchChange.__slots__})  # noqa: SLF001 - public


def _objection(db: DbConnection, event: AccessEvent) -> Content:
    row = db.execute(select(objections).where(objections.c.id == event.subject)).one()
    return StoredObjection(
        id=row.id,
        term=row.term,
        sealed_number=row.sealed_number,
        key_version=row.key_version,
        objection=Objection(**{name: row._mapping[name] for name in Objection.__slots__}),  # noqa: SLF001 - public
    )


def told_no(db: DbConnection, consent_id: str | None) -> ConsentRefusal | None:
    """Return a party's consent refusal from its row; None if there is no row."""
    row = db.execute(select(consent_events).where(consent_events.c.id == consent_id)).one_or_none()
    if row is None:
        return None
    return ConsentRefusal(**{name: row._mapping[name] for name in ConsentRefusal.__slots__})  # noqa: SLF001 - SQLAlchemy's public name


def _consent_refusal(db: DbConnection, event: AccessEvent) -> Content:
    refusal = told_no(db, event.subject)
    if refusal is None:
        raise ValueError("The row of a consent refusal must be inserted before its event.")
    return refusal


def _call(_db: DbConnection, event: AccessEvent) -> Content:
    return ErasedCall(call_ref=event.subject or "")


def _recording(db: DbConnection, event: AccessEvent) -> Content:
    row: Row[Any] = db.execute(select(*RECORDING_COLUMNS).where(recordings.c.id == event.recording_id)).one()
    return recording_of(row)


def _hold(db: DbConnection, event: AccessEvent) -> Content:
    stored = HoldRows(db).get(event.account_id or "", event.result or "")
    if stored is None:
        raise ValueError("The row of a hold must be written before its event.")
    return stored


def _retention(db: DbConnection, event: AccessEvent) -> Content:
    p = retention_policies.c
    mine = (p.account_id == event.account_id) & (p.version == int((event.result or "").removeprefix("v")))
    return policy_of(db.execute(select(retention_policies).where(mine)).mappings().one())


def _link_cut(db: DbConnection, event: AccessEvent) -> Content:
    cut = LinkKeyRows(db).get_cut(event.result or "")
    if cut is None:
        raise ValueError("The row of a cut must be written before its event.")
    return cut


def _rule(db: DbConnection, event: AccessEvent) -> Content:
    return rule_of(db, event.account_id or "")


def _request(db: DbConnection, event: AccessEvent) -> Content:
    return read_request(db, event.account_id or "", event.result or "")


#: A reader for each kind of content (vault/domain/stored/closing_acts.py).
CONTENTS: Final[Mapping[ContentName, Callable[[DbConnection, AccessEvent], Content]]] = {
    "none": _nothing,
    "switch": _switch,
    "objection": _objection,
    "told": _consent_refusal,
    "call": _call,
    "recording": _recording,
    "hold": _hold,
    "retention": _retention,
    "link_cut": _link_cut,
    "approval_rule": _rule,
    "request": _request,
}
