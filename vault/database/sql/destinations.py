"""Destinations of the outbox as rows, for the parts of an account that are receivers, and for the outbox itself."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, select, tuple_, update

from vault.database.schema.core import EPOCH
from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.signals import Work, wake
from vault.database.sql.dialect import DatabaseNow, insert_for, insert_new

#: Max deletions of a table in one transaction, so that it does not delay other writers.
BATCH_SIZE: Final = 1000
#: The account of a destination that is none any more, and still has rows. Nothing is sent there: it is switched off.
TAKEN_DOWN: Final = ""
_A, _D, _M = outbox_attempts.c, outbox_destinations.c, outbox_messages.c


def set_up_destination(connection: Connection, destination: str, *, ordered_of: str | None = None) -> None:
    """Forget how a destination was: it was set again, and has not failed yet. What waits for it is due now.

    ``ordered_of`` is its account if its messages go in their order. Only messages that were tried are due later, so
    however many wait, few rows change.
    """
    _finish_emptying(connection, destination)
    fresh = {
        "is_ordered": ordered_of is not None, "served_at": EPOCH, "failures": 0, "failing_since": None,
        "blocked_until": None, "warned": 0, "disabled_at": None,
    }  # fmt: skip
    mine = outbox_destinations.c.destination == destination
    known = connection.execute(
        update(outbox_destinations).where(mine).values(**fresh, next_at=DatabaseNow())
    ).rowcount
    if not known and ordered_of is not None:
        # Without a row messages of a destination go in no order.
        insert_new(
            connection, outbox_destinations, fresh | {"destination": destination, "account_id": ordered_of}
        )
    later = (outbox_messages.c.destination == destination) & (outbox_messages.c.due_at > DatabaseNow())
    connection.execute(update(outbox_messages).where(later).values(due_at=DatabaseNow()))
    wake(connection, Work.OUTBOX)


def take_down_destinations(connection: Connection, destinations: Sequence[str]) -> None:
    """Delete destinations that are not ones any more, and what waits for them.

    Of one with very many rows some stay for ``empty_destination``; nothing of them is sent any more.
    """
    for destination in destinations:
        mine = _D.destination == destination
        # Whoever changes a message of it holds its row.
        connection.execute(select(_D.destination).where(mine).with_for_update())
        # The end of an attempt then changes nothing.
        connection.execute(delete(outbox_messages).where(_is_leased(destination)))
        if not empty_destination(connection, destination, attempts=True):
            connection.execute(delete(outbox_destinations).where(mine))
            continue
        off: dict[str, Any] = {
            "account_id": TAKEN_DOWN, "next_at": None, "disabled_at": DatabaseNow(), "served_at": EPOCH,
            "failures": 0, "warned": 0,
        }  # fmt: skip
        put = insert_for(connection, outbox_destinations).values(destination=destination, **off)
        connection.execute(put.on_conflict_do_update(index_elements=["destination"], set_=off))


def empty_destination(connection: Connection, destination: str, *, attempts: bool) -> bool:
    """Delete a batch of what waits for a destination, and of its ``attempts``; return whether there may be more."""
    waiting = (_M.destination == destination) & _M.lease_until.is_(None)
    left = _delete_some(connection, outbox_messages, waiting)
    return (attempts and _delete_some(connection, outbox_attempts, _A.destination == destination)) or left


def empty_one_destination(connection: Connection) -> bool:
    """Delete a batch of what a destination has that was switched off or taken down; False if there is none."""
    waiting = exists().where(_M.destination == _D.destination, _M.lease_until.is_(None))
    is_due = _D.disabled_at.is_not(None) & ((_D.account_id == TAKEN_DOWN) | waiting)
    query = select(_D.destination, _D.account_id).where(is_due).limit(1).with_for_update(skip_locked=True)
    row = connection.execute(query).first()
    if row is None:
        return False
    is_down = row.account_id == TAKEN_DOWN
    if not empty_destination(connection, row.destination, attempts=is_down) and is_down:
        connection.execute(delete(outbox_destinations).where(_D.destination == row.destination))
    return True


def _finish_emptying(connection: Connection, destination: str) -> None:
    """Delete what is left of a destination that was switched off or taken down, before it is one again."""
    mine = _D.destination == destination
    row = connection.execute(select(_D.account_id, _D.disabled_at).where(mine).with_for_update()).first()
    if row is None or row.disabled_at is None:
        return
    waiting = (_M.destination == destination) & _M.lease_until.is_(None)
    connection.execute(delete(outbox_messages).where(waiting))
    if row.account_id == TAKEN_DOWN:
        connection.execute(delete(outbox_attempts).where(_A.destination == destination))
        connection.execute(delete(outbox_destinations).where(mine))


def _is_leased(destination: str) -> ColumnElement[bool]:
    return (_M.destination == destination) & _M.lease_until.is_not(None)


def _delete_some(connection: Connection, table: Table, mine: ColumnElement[bool]) -> bool:
    """Delete a batch of a destination's rows; return whether there may be more."""
    # Its keys first: PostgreSQL may search a batch in a statement of its own again for each row of the destination.
    key = [one for one in table.primary_key.columns if one.name != "destination"]
    some = [tuple(row) for row in connection.execute(select(*key).where(mine).limit(BATCH_SIZE))]
    if some:
        connection.execute(delete(table).where(mine, tuple_(*key).in_(some)))
    return len(some) == BATCH_SIZE
