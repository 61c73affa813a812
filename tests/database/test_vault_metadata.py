"""Metadata of the vault that two nodes set at the same time."""

import asyncio
import threading
import time

import pytest
from sqlalchemy import text

from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.transaction import Transaction

pytestmark = pytest.mark.postgresql
_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


async def test_two_nodes_that_start_set_a_new_name_together(postgresql: PostgresqlDatabase):
    """The second waits for the first and sets its value; a node must not end for that."""
    begun = threading.Event()

    def first(tx: Transaction) -> None:
        tx.metadata.replace({"a": b"1", "b": b"1"})
        begun.set()
        while tx.connection.execute(_WAITING).scalar_one() == 0:
            time.sleep(0.01)

    def second(tx: Transaction) -> None:
        tx.metadata.replace({"b": b"2", "a": b"2"})

    one = asyncio.create_task(postgresql.write(first))
    await asyncio.to_thread(begun.wait)
    await asyncio.gather(one, postgresql.write(second))
    assert await postgresql.read(lambda tx: (tx.metadata.get("a"), tx.metadata.get("b"))) == (b"2", b"2")
