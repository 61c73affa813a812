"""Erasures of the facts of calls that wait for the end of a hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, tuple_

from vault.database.schema.retention import pending_call_erasures
from vault.database.sql.dialect import insert_new
from vault.database.stores.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingCall:
    """An erasure of a call's facts that a person asked for, and that a hold stops."""

    account_id: str
    call_ref: str
    since: datetime
    #: Who decided it.
    actor: str


class PendingCallRows(Rows):
    """Erasures of calls that wait."""

    def add(self, pending: PendingCall) -> bool:
        """Insert it; False if the call's erasure waits already: then the first time stands."""
        row = {name: getattr(pending, name) for name in PendingCall.__slots__}
        return bool(insert_new(self._db, pending_call_erasures, row))

    def has(self, account_id: str, call_ref: str) -> bool:
        """Return whether the erasure of a call waits."""
        p = pending_call_erasures.c
        query = select(p.since).where(p.account_id == account_id, p.call_ref == call_ref)
        return self._db.execute(query).first() is not None

    def remove(self, account_id: str, call_ref: str) -> None:
        """Delete it, with the facts of the call."""
        p = pending_call_erasures.c
        mine = (p.account_id == account_id) & (p.call_ref == call_ref)
        self._db.execute(delete(pending_call_erasures).where(mine))

    def page(self, *, after: tuple[str, str], limit: int) -> Sequence[PendingCall]:
        """Return erasures that wait, of all accounts, after (account_id, call_ref), in this order."""
        p = pending_call_erasures.c
        query = select(pending_call_erasures).where(tuple_(p.account_id, p.call_ref) > after)
        rows = self._db.execute(query.order_by(p.account_id, p.call_ref).limit(limit)).mappings()
        return [PendingCall(**row) for row in rows]
