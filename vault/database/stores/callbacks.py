"""Callbacks about requests of people as rows, and the deliveries that wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, insert, select, update

from vault.database.schema.callbacks import request_callbacks, request_deliveries
from vault.database.signals import Work, wake, wake_at
from vault.database.sql.dialect import insert_for
from vault.domain.requests.callback import RequestDelivery

_COLUMNS: Final = [request_deliveries.c[name] for name in RequestDelivery.__slots__]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCallback:
    """The callback of an account; URL and secret are sealed."""

    sealed: str
    set_at: datetime
    set_by: str


class CallbackRows:
    """Callbacks and deliveries in one transaction."""

    def __init__(self, connection: DbConnection) -> None:
        """Work inside the transaction that is open on ``connection``."""
        self._db = connection

    def get(self, account_id: str) -> StoredCallback | None:
        """Return the callback of an account."""
        c = request_callbacks.c
        row = self._db.execute(select(c.sealed, c.set_at, c.set_by).where(c.account_id == account_id)).first()
        return (
            None if row is None else StoredCallback(sealed=row.sealed, set_at=row.set_at, set_by=row.set_by)
        )

    def set(self, account_id: str, callback: StoredCallback) -> None:
        """Set the callback of an account."""
        values = {name: getattr(callback, name) for name in StoredCallback.__slots__}
        put = insert_for(self._db, request_callbacks).values(account_id=account_id, **values)
        self._db.execute(put.on_conflict_do_update(index_elements=["account_id"], set_=values))

    def delete(self, account_id: str) -> bool:
        """Delete the callback of an account and what was to be told; return whether there was one."""
        d = request_deliveries
        self._db.execute(delete(d).where(d.c.account_id == account_id))
        mine = request_callbacks.c.account_id == account_id
        return self._db.execute(delete(request_callbacks).where(mine)).rowcount == 1

    def enqueue(self, delivery: RequestDelivery) -> None:
        """Note what is to be told, if the account has a callback."""
        known = select(request_callbacks.c.set_at).where(
            request_callbacks.c.account_id == delivery.account_id
        )
        if self._db.execute(known).first() is None:
            return
        values = {name: getattr(delivery, name) for name in RequestDelivery.__slots__}
        self._db.execute(insert(request_deliveries).values(**values, next_try_at=delivery.at))
        wake(self._db, Work.SEND_CALLBACKS)

    def due(self, now: datetime, *, limit: int) -> Sequence[RequestDelivery]:
        """Return deliveries that are to be tried now, those that waited longest first."""
        d = request_deliveries.c
        query = select(*_COLUMNS).where(d.next_try_at <= now).order_by(d.next_try_at, d.id).limit(limit)
        return [RequestDelivery(**row) for row in self._db.execute(query).mappings()]

    def try_again(self, delivery_id: str, at: datetime, *, tries: int) -> None:
        """Note when a delivery is tried again, and how often it was tried."""
        mine = request_deliveries.c.id == delivery_id
        self._db.execute(update(request_deliveries).where(mine).values(next_try_at=at, tries=tries))
        wake_at(self._db, Work.SEND_CALLBACKS, at)

    def done(self, delivery_id: str) -> None:
        """Forget a delivery that arrived, or is given up."""
        self._db.execute(delete(request_deliveries).where(request_deliveries.c.id == delivery_id))
