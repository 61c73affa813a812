"""Destinations of the outbox as rows, for the parts of an account that are receivers, and for the outbox itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, update

from vault.database.schema.core import EPOCH
from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.signals import Work, wake
from vault.database.sql.dialect import DatabaseNow, insert_new


def set_up_destination(connection: Connection, destination: str, *, ordered_of: str | None = None) -> None:
    """Forget how a destination was: it was set again, and has not failed yet. What waits for it is due now.

    ``ordered_of`` is its account if its messages go in their order.
    """
    connection.execute(delete(outbox_destinations).where(outbox_destinations.c.destination == destination))
    if ordered_of is not None:
        values = {
            "destination": destination, "account_id": ordered_of, "is_ordered": True, "served_at": EPOCH,
            "failures": 0, "warned": 0,
        }  # fmt: skip
        insert_new(connection, outbox_destinations, values)
    mine = update(outbox_messages).where(outbox_messages.c.destination == destination)
    if connection.execute(mine.values(is_new=True, due_at=DatabaseNow())).rowcount:
        wake(connection, Work.OUTBOX)


def take_down_destinations(connection: Connection, destinations: Sequence[str]) -> None:
    """Delete destinations that are not ones any more, and what waits for them."""
    for table in (outbox_messages, outbox_destinations, outbox_attempts):
        connection.execute(delete(table).where(table.c.destination.in_(destinations)))
