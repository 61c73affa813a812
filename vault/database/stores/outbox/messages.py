"""Messages of the outbox as rows: put beside their cause, and deleted with their subject."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection as DbConnection
from sqlalchemy import delete, func, select

from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.signals import Work, wake
from vault.database.sql.destinations import empty_one_destination, set_up_destination
from vault.database.sql.dialect import DatabaseNow, insert_new
from vault.database.stores.rows import Rows
from vault.domain.outbox.message import Message

# Max deletions in one transaction, so that it does not delay other writers.
_BATCH_SIZE: Final = 1000
_NAMES: Final = tuple(field.name for field in fields(Message))
MESSAGE_COLUMNS: Final = [outbox_messages.c[name] for name in _NAMES]
_M = outbox_messages.c


class OutboxRows(Rows):
    """Messages in one transaction: that of their cause, or of the end of their subject."""

    def put(self, *messages: Message, due_at: datetime | None = None) -> int:
        """Add messages that their destinations do not have already: one INSERT, which waits for nobody.

        Return how many those are.
        """
        rows = [_row(one, due_at or one.at) for one in messages]
        added = insert_new(self._db, outbox_messages, *rows) if rows else 0
        if added:
            wake(self._db, Work.OUTBOX)
        return added

    def set_up(self, destination: str, *, ordered_of: str | None = None) -> None:
        """Forget how a destination was: it was set again. What waits for it is due now.

        ``ordered_of`` is its account if its messages go in their order.
        """
        set_up_destination(self._db, destination, ordered_of=ordered_of)

    def waiting(self, destinations: Sequence[str]) -> Mapping[str, int]:
        """Return how many messages wait for each destination."""
        mine = _M.destination.in_(destinations)
        query = select(_M.destination, func.count()).where(mine).group_by(_M.destination)
        found: dict[str, int] = {row[0]: row[1] for row in self._db.execute(query)}
        return dict.fromkeys(destinations, 0) | found

    def is_due(self, destination: str, account_id: str) -> bool:
        """Return whether a message for a destination could be sent now, or is being sent."""
        d = outbox_destinations.c
        row = self._db.execute(
            select(d.blocked_until, DatabaseNow()).where(d.destination == destination)
        ).first()
        if row is not None and row[0] is not None and row[0] > row[1]:
            return False
        due = (_M.destination == destination) & (_M.account_id == account_id) & (_M.due_at <= DatabaseNow())
        return self._db.execute(select(_M.id).where(due).limit(1)).first() is not None

    def waiting_of(self, kind: str) -> tuple[int, datetime | None]:
        """Return how many messages of a kind wait, and the time of the oldest one's cause."""
        query = select(func.count(), func.min(_M.at, type_=_M.at.type)).where(_M.kind == kind)
        number, oldest = self._db.execute(query).one()
        return number, oldest

    def empty_one_destination(self) -> bool:
        """Delete a batch of what a destination has that was switched off or taken down; False if there is none."""
        return empty_one_destination(self._db)

    def forget_attempts(self, before: datetime) -> bool:
        """Delete a batch of attempts older than ``before``; False if there are none."""
        a = outbox_attempts.c
        old = select(a.destination, a.id, a.number).where(a.at < before).limit(_BATCH_SIZE).subquery()
        mine = (a.destination == old.c.destination) & (a.id == old.c.id) & (a.number == old.c.number)
        exists = select(old.c.id).where(mine).exists()
        return bool(self._db.execute(delete(outbox_attempts).where(exists)).rowcount)


def forget_messages_about(connection: DbConnection, recording_id: str) -> None:
    """Delete what waits about a recording, and what was noted of its attempts: the recording is being erased.

    Messages of ids alone stay that say then that an erasure has overtaken them.
    """
    goes = (_M.recording_id == recording_id) & _M.outlives_erasure.is_not(True)
    connection.execute(delete(outbox_messages).where(goes))
    connection.execute(delete(outbox_attempts).where(outbox_attempts.c.recording_id == recording_id))


def message_of(row: Mapping[Any, Any]) -> Message:
    """Return a message from the columns of its row."""
    values = {name: row[name] for name in _NAMES}
    outlives = bool(values["outlives_erasure"])
    return Message(**values | {"content": json.loads(values["content"]), "outlives_erasure": outlives})


def _row(message: Message, due_at: datetime) -> dict[str, Any]:
    values = {name: getattr(message, name) for name in _NAMES}
    content = json.dumps(dict(message.content), sort_keys=True)
    return values | {"content": content, "due_at": due_at, "is_new": True}
