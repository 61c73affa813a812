"""Destinations of the outbox as rows, for the parts of an account that are receivers, and for the outbox itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, update

from vault.database.schema.core import EPOCH
from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.signals import Work, wake
from vault.database.sql.dialect import DatabaseNow, insert_new


def set_up_destination(connection: Connection, destination: str, *, ordered_of: str | None = None) -> None:
    """Forget how a destination was: it was set again, and has not failed yet. What waits for it is due now.

    ``ordered_of`` is its account if its messages go in their order. Only messages that were tried are due later, so
    however many wait, few rows change.
    """
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
    """Delete destinations that are not ones any more, and what waits for them."""
    for table in (outbox_messages, outbox_destinations, outbox_attempts):
        connection.execute(delete(table).where(table.c.destination.in_(destinations)))
