"""Callbacks about requests of people as rows, and the deliveries that wait."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select, update

from vault.database.account_parts.callback import (
    StoredCallback,
    delete_callback,
    put_callback,
    read_callback,
)
from vault.database.account_parts.part import account_changed
from vault.database.schema.requests import request_callbacks, request_deliveries
from vault.database.stores.outbox.messages import OutboxRows
from vault.database.stores.rows import Rows
from vault.domain.outbox.message import Message
from vault.domain.requests.callback import KIND, callback_message, destination_of

#: Deliveries that a node of an older release left.
_OLDER: Final = request_deliveries.c


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
        c = request_callbacks.c
        row = self._db.execute(
            select(c.delivered_at, c.failed_at, c.failure).where(c.account_id == account_id)
        ).one()
        older = select(func.count()).select_from(request_deliveries).where(_OLDER.account_id == account_id)
        destination = destination_of(account_id)
        waiting = OutboxRows(self._db).waiting([destination])[destination]
        return DeliveryState(**row._mapping, waiting=waiting + self._db.execute(older).scalar_one())  # noqa: SLF001 - SQLAlchemy's public name

    def set(self, account_id: str, callback: StoredCallback) -> None:
        """Set the callback of an account. Its object becomes due."""
        put_callback(self._db, account_id, callback)
        account_changed(self._db, account_id)

    def delete(self, account_id: str) -> bool:
        """Delete the callback of an account and its due deliveries; return whether there was one."""
        account_changed(self._db, account_id)
        return delete_callback(self._db, account_id)

    def tell(self, message: Message) -> None:
        """Put a message into the outbox, if the account has a callback."""
        is_set = select(request_callbacks.c.set_at).where(
            request_callbacks.c.account_id == message.account_id
        )
        if self._db.execute(is_set).first() is not None:
            OutboxRows(self._db).put(message)

    def has_older(self, now: datetime) -> bool:
        """Return whether a delivery of an older release is due."""
        query = select(_OLDER.id).where(_OLDER.next_try_at <= now).limit(1)
        return self._db.execute(query).first() is not None

    def adopt_older(self, now: datetime, *, limit: int) -> int:
        """Move deliveries of an older release that are due into the outbox; return how many."""
        query = select(request_deliveries).where(_OLDER.next_try_at <= now).order_by(_OLDER.next_try_at)
        rows = self._db.execute(query.limit(limit)).all()
        outbox = OutboxRows(self._db)
        for row in rows:
            content = {"request": row.request_id, "kind": row.kind, "state": row.state}
            message = callback_message(row.id, row.account_id, row.type, row.at, content)
            outbox.put(replace(message, attempts=row.tries), due_at=row.next_try_at)
        self._db.execute(delete(request_deliveries).where(_OLDER.id.in_([row.id for row in rows])))
        return len(rows)

    def accepted(self, account_id: str, at: datetime) -> None:
        """Note that a delivery was accepted."""
        self._note(account_id, delivered_at=at)

    def failed(self, account_id: str, at: datetime, failure: str) -> None:
        """Note that a try failed, and why."""
        self._note(account_id, failed_at=at, failure=failure)

    def waiting(self, now: datetime) -> tuple[int, float]:
        """Return the number of deliveries that wait, and the seconds since the change that waits longest."""
        number, oldest = OutboxRows(self._db).waiting_of(KIND)
        query = select(func.count(), func.min(_OLDER.at, type_=_OLDER.at.type))
        older, oldest_older = self._db.execute(query).one()
        since = min((at for at in (oldest, oldest_older) if at is not None), default=now)
        return number + older, max(0.0, (now - since).total_seconds())

    def _note(self, account_id: str, **values: datetime | str) -> None:
        mine = request_callbacks.c.account_id == account_id
        self._db.execute(update(request_callbacks).where(mine).values(values))
