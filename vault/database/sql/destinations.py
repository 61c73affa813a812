"""Destinations of the outbox as rows, for the parts of an account that are receivers, and for the outbox itself."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, update

from vault.database.schema.outbox import outbox_attempts, outbox_destinations, outbox_messages
from vault.database.signals import Work, wake


def set_up_destination(connection: Connection, destination: str) -> None:
    """Forget how a destination was: it was set again, and has not failed yet. What waits for it is due now."""
    connection.execute(delete(outbox_destinations).where(outbox_destinations.c.destination == destination))
    mine = update(outbox_messages).where(outbox_messages.c.destination == destination)
    if connection.execute(mine.values(is_new=True)).rowcount:
        wake(connection, Work.OUTBOX)


def take_down_destinations(connection: Connection, destinations: Sequence[str]) -> None:
    """Delete destinations that are not ones any more, and what waits for them."""
    for table in (outbox_messages, outbox_destinations, outbox_attempts):
        connection.execute(delete(table).where(table.c.destination.in_(destinations)))
