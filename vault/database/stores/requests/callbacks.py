"""Callbacks about requests of people as rows, and the deliveries that wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, insert, select, update

from vault.database.account_parts.callback import (
    StoredCallback,
    delete_callback,
    put_callback,
    read_callback,
)
from vault.database.schema.requests import request_callbacks, request_deliveries
from vault.database.signals import Work, wake, wake_at
from vault.database.stores.accounts.account_objects import account_changed
from vault.database.stores.rows import Rows
from vault.domain.requests.callback import RequestDelivery

_COLUMNS: Final = [request_deliveries.c[name] for name in RequestDelivery.__slots__]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryState:
    """The state of the deliveries to a callback."""

    delivered_at: datetime | None
    failed_at: datetime | None
    #: Why the last try failed that did.
    failure: str | None
    #: Deliveries that are still to be made.
    waiting: int


class CallbackRows(Rows):
    """Callbacks and deliveries in one transaction."""

    def get(self, account_id: str) -> StoredCallback | None:
        """Return the callback of an account."""
        return read_callback(self._db, account_id)

    def deliveries(self, account_id: str) -> DeliveryState:
        """Return what became of the deliveries to the callback of an account. Raises NoResultFound without one."""
        c, d = request_callbacks.c, request_deliveries.c
        waiting = select(func.count()).select_from(request_deliveries).where(d.account_id == account_id)
        query = select(c.delivered_at, c.failed_at, c.failure, waiting.scalar_subquery().label("waiting"))
        row = self._db.execute(query.where(c.account_id == account_id)).one()
        return DeliveryState(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name

    def set(self, account_id: str, callback: StoredCallback) -> None:
        """Set the callback of an account. Its object becomes due."""
        put_callback(self._db, account_id, callback)
        account_changed(self._db, account_id)

    def delete(self, account_id: str) -> bool:
        """Delete the callback of an account and its due deliveries; return whether there was one."""
        account_changed(self._db, account_id)
        return delete_callback(self._db, account_id)

    def enqueue(self, delivery: RequestDelivery) -> None:
        """Add a delivery, if the account has a callback."""
        known = select(request_callbacks.c.set_at).where(
            request_callbacks.c.account_id == delivery.account_id
        )
        if self._db.execute(known).first() is None:
            return
        values = {name: getattr(delivery, name) for name in RequestDelivery.__slots__}
        self._db.execute(insert(request_deliveries).values(**values, next_try_at=delivery.at))
        wake(self._db, Work.SEND_CALLBACKS)

    def due(self, now: datetime, *, limit: int, of_account: int) -> Sequence[RequestDelivery]:
        """Return deliveries that are due, the longest waiting first; of one account ``of_account`` at most."""
        d = request_deliveries.c
        place = func.row_number().over(partition_by=d.account_id, order_by=(d.next_try_at, d.id))
        ranked = select(*_COLUMNS, d.next_try_at, place.label("place")).where(d.next_try_at <= now).subquery()
        found = ranked.c
        query = select(*(found[column.name] for column in _COLUMNS)).where(found.place <= of_account)
        rows = self._db.execute(query.order_by(found.next_try_at, found.id).limit(limit)).mappings()
        return [RequestDelivery(**row) for row in rows]

    def try_again(self, delivery_id: str, at: datetime, *, tries: int) -> None:
        """Note when a delivery is tried again, and how often it was tried."""
        mine = request_deliveries.c.id == delivery_id
        self._db.execute(update(request_deliveries).where(mine).values(next_try_at=at, tries=tries))
        wake_at(self._db, Work.SEND_CALLBACKS, at)

    def done(self, delivery_id: str) -> None:
        """Delete a delivery that was accepted, or is given up."""
        self._db.execute(delete(request_deliveries).where(request_deliveries.c.id == delivery_id))

    def accepted(self, account_id: str, at: datetime) -> None:
        """Note that a delivery was accepted."""
        self._note(account_id, delivered_at=at)

    def failed(self, account_id: str, at: datetime, failure: str) -> None:
        """Note that a try failed, and why."""
        self._note(account_id, failed_at=at, failure=failure)

    def waiting(self, now: datetime) -> tuple[int, float]:
        """Return the number of deliveries that wait, and the seconds since the change that waits longest."""
        query = select(func.count(), func.min(request_deliveries.c.at, type_=request_deliveries.c.at.type))
        number, oldest = self._db.execute(query).one()
        return number, 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())

    def _note(self, account_id: str, **values: datetime | str) -> None:
        mine = request_callbacks.c.account_id == account_id
        self._db.execute(update(request_callbacks).where(mine).values(values))
