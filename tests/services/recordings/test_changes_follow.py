"""The numbers of changes of calls know the server that counts them, from a node's first call on."""

from sqlalchemy import select

from tests.support.service_house import House
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.calls import call_change_base


async def test_a_node_notes_whose_numbers_it_uses(either: House):
    """On PostgreSQL, beside its check of the history; SQLite counts by itself."""
    query = select(call_change_base.c.history)
    history = await either.database.read(lambda tx: tx.connection.execute(query).scalar_one())
    assert (history is not None) is isinstance(either.database, PostgresqlDatabase)
