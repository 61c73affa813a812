"""No function runs on a server's history before that history was compared with the object store."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest

from tests.servers.postgresql import PostgresqlServer
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.transaction import Transaction
from vault.errors import Tampered, Unavailable


class Look:
    """A look that counts, waits and fails as it is told."""

    def __init__(self, database: PostgresqlDatabase) -> None:
        self.database, self.count = database, 0
        self.failure: Exception | None = None
        self.waits = False
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> None:
        """Look."""
        self.count += 1
        await self.database.unguarded.read(lambda tx: tx.now())
        await self.database.unguarded.write(lambda tx: tx.now())
        self.waits = True
        await self.open.wait()
        if self.failure is not None:
            raise self.failure


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def look(postgresql: PostgresqlDatabase) -> Iterator[Look]:
    """A look at the database of this test."""
    postgresql.history_check = made = Look(postgresql)
    yield made
    made.open.set()


async def test_all_callers_share_one_look_and_nothing_runs_before_it(
    postgresql: PostgresqlDatabase, look: Look
):
    """Twenty callers of each kind wait for the same look; then all of them run, and nobody looks again."""
    ran: list[str] = []
    look.open.clear()
    calls = [asyncio.ensure_future(postgresql.write(lambda _tx: ran.append("write"))) for _ in range(20)]
    calls += [asyncio.ensure_future(postgresql.read(lambda _tx: ran.append("read"))) for _ in range(20)]
    calls.append(asyncio.ensure_future(postgresql.write(lambda _tx: ran.append("urgent"), urgent=True)))
    while not look.waits:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert ran == []
    look.open.set()
    await asyncio.gather(*calls)
    assert (len(ran), look.count) == (41, 1)
    await postgresql.write(lambda tx: tx.now())
    assert look.count == 1


@pytest.mark.parametrize("failure", [Unavailable("Behind."), Tampered("x"), RuntimeError("y")])
async def test_a_failed_look_fails_calls_and_is_tried_again_a_second_later(
    postgresql: PostgresqlDatabase, look: Look, failure: Exception
):
    """Whatever it raises: nothing runs, within a second nobody looks again, and later it can succeed."""
    clock = postgresql._pool.gate._clock = Clock()
    look.failure, ran = failure, []
    for now, looks in ((0.0, 1), (0.9, 1), (1.1, 2), (2.0, 2)):
        clock.now = now
        with pytest.raises(
            Unavailable, match=r"Behind\." if isinstance(failure, Unavailable) else "compared"
        ):
            await postgresql.write(lambda _tx: ran.append(1))
        assert look.count == looks
    look.failure, clock.now = None, 3.0
    await postgresql.write(lambda _tx: ran.append(1))
    assert (look.count, ran) == (3, [1])


async def test_a_look_that_is_cancelled_accepts_nothing(postgresql: PostgresqlDatabase, look: Look):
    """What ended in the middle has seen nothing."""
    look.open.clear()
    call = asyncio.ensure_future(postgresql.write(lambda tx: tx.now()))
    while not look.waits:
        await asyncio.sleep(0.01)
    looking = postgresql._pool.gate._checking
    assert looking is not None
    looking.cancel()
    with pytest.raises(Unavailable):
        await call
    assert postgresql._pool.gate._accepted is None


async def test_a_server_that_was_restarted_is_looked_at_before_the_next_call(
    postgresql: PostgresqlDatabase, look: Look, postgresql_server: PostgresqlServer
):
    """It may have been restored meanwhile: its start is a part of its identity. Wrong: to look at start only."""
    for _ in range(3):
        await postgresql.write(lambda tx: tx.now())
    await postgresql.read(lambda tx: tx.now())
    assert look.count == 1
    await asyncio.to_thread(postgresql_server.stop)
    postgresql_server.start()  # Here, for it dies with the thread that starts it.
    ran: list[int] = []
    look.failure = Unavailable("Behind.")
    for call in (postgresql.read, postgresql.write):
        with pytest.raises(Unavailable, match="Behind"):
            await call(lambda _tx: ran.append(1))
    assert (ran, look.count) == ([], 2)


async def test_a_database_that_changes_during_the_look_is_not_accepted(
    postgresql: PostgresqlDatabase, look: Look, postgresql_server: PostgresqlServer
):
    """A look works on the server that it was begun for, or fails."""
    look.open.clear()
    call = asyncio.ensure_future(postgresql.write(lambda tx: tx.now()))
    while not look.waits:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(postgresql_server.stop)
    postgresql_server.start()  # Here, for it dies with the thread that starts it.
    with pytest.raises(Unavailable, match="server changed"):
        await postgresql.unguarded.write(lambda tx: tx.now())
    look.failure = Unavailable("Behind.")
    look.open.set()
    with pytest.raises(Unavailable):
        await call


async def test_what_is_let_through_costs_no_statement(
    postgresql: PostgresqlDatabase, look: Look, postgresql_server: PostgresqlServer, migrated_url: str
):
    """The server counts as many statements and transactions for a guarded call as for an unguarded one."""
    counts = []

    def report(tx: Transaction) -> None:
        """Let the server add this transaction to its counter as it ends, not up to a second later.

        It does so for one that touches a table.
        """
        tx.metadata.get("a")
        tx.connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")

    await asyncio.gather(
        *(postgresql.write(report) for _ in range(40))
    )  # What went before is in the counter.
    with psycopg.connect(migrated_url, autocommit=True) as other:
        for rows in (postgresql, postgresql.unguarded):
            other.execute("SELECT pg_stat_clear_snapshot()")
            before = _transactions(other)
            for _ in range(20):
                await rows.write(report)
            counts.append(_transactions(other) - before)
    assert counts[0] == counts[1] >= 20


def _transactions(connection: psycopg.Connection) -> int:
    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])
