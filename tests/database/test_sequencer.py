"""What each sequencer promises alone: SQLite's memory after a rollback, PostgreSQL's fences against zombies."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from tests.database.occupied import occupied
from tests.support.database_rows import event, logged, raising
from tests.support.rfc6962 import mth
from vault.database.engines.migrate import alembic_config, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.log_tree.sequencer_postgresql import advance
from vault.database.sql.dialect import log_lock_key
from vault.database.sql.postgresql_url import engine_url
from vault.database.stores.audit_log.access_events import event_values
from vault.database.stores.audit_log.log_tree import TreeHead
from vault.errors import StartRefused, Unavailable
from vault.tlog.hashing import EMPTY_ROOT, leaf_hash
from vault.tlog.tree import Frontier


def append(database, one):
    """Start to append an event."""
    return asyncio.ensure_future(database.write(lambda tx: tx.events.append(one)))


async def head_of(database) -> TreeHead:
    """Return the stored head."""
    return await database.read(lambda tx: tx.tree.head())


async def test_a_lost_group_leaves_memory_and_head_equal(sqlite: SqliteDatabase):
    """When a COMMIT fails, the events of the group leave neither a leaf nor a trace in memory."""
    kept = [event(f"rec_{n}") for n in range(3)]
    await append(sqlite, kept[0])
    await sqlite.write(
        lambda tx: tx.connection.exec_driver_sql(
            "CREATE TABLE orphans (parent REFERENCES vault_metadata (name) DEFERRABLE INITIALLY DEFERRED)"
        )
    )
    sqlite._writer._driver.execute("PRAGMA foreign_keys=ON")
    orphan = "INSERT INTO orphans VALUES ('nobody')"
    async with occupied(sqlite.write):
        group = [append(sqlite, event("rec_lost")) for _ in range(5)]
        group.append(asyncio.ensure_future(sqlite.write(lambda tx: tx.connection.exec_driver_sql(orphan))))
        await asyncio.sleep(0)
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 6
    assert await head_of(sqlite) == TreeHead(size=1, root=mth([kept[0].body]))
    assert sqlite._writer._sequencer._head is None
    for one in kept[1:]:
        await append(sqlite, one)
    assert [one.event for one in await logged(sqlite)] == kept
    head = await head_of(sqlite)
    assert head == TreeHead(size=3, root=mth([one.body for one in kept]))
    memory = sqlite._writer._sequencer._head
    assert (memory.size, memory.root()) == (head.size, head.root)


async def test_one_failing_function_takes_no_neighbours_place(sqlite: SqliteDatabase):
    """In one group, the events around a function that fails stand side by side."""
    before, behind = event("rec_1"), event("rec_2")

    def fails(tx):
        tx.events.append(event("rec_lost"))
        raising(KeyError("x"))(tx)

    async with occupied(sqlite.write):
        group = [append(sqlite, before), asyncio.ensure_future(sqlite.write(fails)), append(sqlite, behind)]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), KeyError, type(None)]
    assert [(one.index, one.event) for one in await logged(sqlite)] == [(0, before), (1, behind)]
    assert (await head_of(sqlite)).root == mth([before.body, behind.body])


async def test_the_tree_goes_on_after_a_restart(tmp_path: Path):
    """A database that is opened again appends where it stopped."""
    leaves = []
    for _ in range(3):
        database = SqliteDatabase(tmp_path / "vault.db")
        for _ in range(100):
            one = event("rec_1")
            await append(database, one)
            leaves.append(one.body)
        assert await head_of(database) == TreeHead(size=len(leaves), root=mth(leaves))
        database.close()


def at_the_first_schema(url: str, older) -> None:
    """Make a database as the first release left it, with its events."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        insert = text(
            "INSERT INTO access_events (id, account_id, recording_id, body, sealed_detail) "
            "VALUES (:id, :account_id, :recording_id, :body, :sealed_detail)"
        )
        for one in older:
            connection.execute(insert, event_values(one))


async def test_events_of_an_older_sqlite_come_first(tmp_path: Path):
    """What was durable before there was a tree is in it when the database has been opened."""
    older, newer = [event(f"rec_{n}") for n in range(3)], event("rec_new")
    at_the_first_schema(f"sqlite:///{tmp_path}/vault.db", older)
    database = SqliteDatabase(tmp_path / "vault.db")
    assert [one.event for one in await logged(database)] == older
    await append(database, newer)
    assert (await head_of(database)).root == mth([one.body for one in [*older, newer]])
    database.close()


async def test_events_of_an_older_postgresql_come_first(postgresql_url: str):
    """There they wait for the sequencer, before all that come now."""
    older, newer = [event(f"rec_{n}") for n in range(3)], event("rec_new")
    at_the_first_schema(engine_url(postgresql_url), older)
    migrate_postgresql(postgresql_url)
    database = PostgresqlDatabase(postgresql_url)
    await append(database, newer)
    assert [one.event for one in await logged(database)] == [*older, newer]
    assert (await head_of(database)).root == mth([one.body for one in [*older, newer]])
    database.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tree_head SET root = zeroblob(32)",
        "UPDATE tree_head SET peaks = zeroblob(64)",
        "UPDATE tree_head SET size = 2",
        "DELETE FROM access_events WHERE tree_index = 2",
    ],
)
async def test_a_tree_that_contradicts_itself_is_not_written_on(tmp_path: Path, change: str):
    """A head that does not fit the events refuses to start, and nothing is changed."""
    database = SqliteDatabase(tmp_path / "vault.db")
    for n in range(3):
        await append(database, event(f"rec_{n}"))
    database.close()
    with sqlite3.connect(tmp_path / "vault.db") as connection:
        connection.execute(change)
    connection.close()
    with pytest.raises(StartRefused, match="do not belong together"):
        SqliteDatabase(tmp_path / "vault.db")


async def test_late_commits_are_not_passed_over(postgresql: PostgresqlDatabase):
    """An event that drew its number first and commits last comes into the tree all the same."""
    entered, release, late = threading.Event(), threading.Event(), event("rec_late")

    def slow(tx):
        tx.events.append(late)
        entered.set()
        release.wait(4)

    writing = asyncio.ensure_future(postgresql.write(slow))
    await asyncio.to_thread(entered.wait)
    early = event("rec_early")
    await append(postgresql, early)
    assert [one.event for one in await logged(postgresql)] == [early]
    release.set()
    await writing
    assert [one.event for one in await logged(postgresql)] == [early, late]


async def waiting(database: PostgresqlDatabase) -> list[tuple[int, bytes]]:
    """Return the rows of the outbox, as the sequencer reads them."""
    query = text("SELECT position, body FROM event_outbox ORDER BY position")
    rows = await database.read(lambda tx: tx.connection.execute(query).all())
    return [(row.position, row.body) for row in rows]


async def test_a_zombie_sequencer_cannot_write(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """One that lost the lock without noticing fails on the head that moved on, and leaves nothing."""
    for n in range(3):
        await append(postgresql, event(f"rec_{n}"))
    stale = await waiting(postgresql)
    before = await logged(other_node)
    head = await head_of(postgresql)
    await append(postgresql, event("rec_new"))
    rows = await waiting(postgresql)
    current, _ = Frontier().extend(leaf_hash(one.leaf) for one in before)
    # Neither rows that still wait on top of a head that is gone, nor the right head with rows that are.
    for of, these in (
        (Frontier(), stale),
        (Frontier(), rows),
        (current, stale),
        (current, [*rows, stale[0]]),
    ):
        with pytest.raises(Unavailable):
            await postgresql.write(lambda tx, f=of, r=these: advance(tx.connection, f, r))
        assert await head_of(postgresql) == head == TreeHead(size=3, root=mth([one.leaf for one in before]))
    assert [one.index for one in await logged(postgresql)] == [0, 1, 2, 3]


async def test_of_two_sequencers_without_a_lock_one_wins(
    postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase
):
    """Even at the very same moment the swap lets one through, and the other one's transaction fails."""
    await append(postgresql, event("rec_1"))
    rows = await waiting(postgresql)
    both = threading.Barrier(2)

    def move(tx):
        both.wait(5)
        advance(tx.connection, Frontier(), rows)

    answers = await asyncio.gather(postgresql.write(move), other_node.write(move), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType", "Unavailable"]
    assert [one.index for one in await logged(postgresql)] == [0]


async def test_the_sequencer_leaves_the_work_to_who_has_the_lock(
    postgresql: PostgresqlDatabase, migrated_url: str
):
    """While another transaction sequences, one more returns immediately with nothing done."""
    await append(postgresql, event("rec_1"))
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (log_lock_key(),))
        assert await postgresql.write(lambda tx: tx.tree.sequence(limit=10)) == 0
        assert await postgresql.read(lambda tx: tx.tree.waiting()) == 1
    assert await postgresql.write(lambda tx: tx.tree.sequence(limit=10)) == 1


async def test_who_cannot_settle_in_time_leaves_nothing(postgresql: PostgresqlDatabase, migrated_url: str):
    """An opened link behind a sequencer that hangs is Unavailable, and neither event nor row is there."""

    def settle(tx):
        tx.connection.execute(text("SET LOCAL lock_timeout = '50ms'"))
        tx.events.append(event("rec_1"))
        tx.metadata.put({"session": b"x"})
        tx.tree.settle()

    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (log_lock_key(),))
        with pytest.raises(Unavailable):
            await postgresql.write(settle)
    assert await postgresql.read(lambda tx: tx.metadata.get("session")) is None
    assert await logged(postgresql) == []
    assert await head_of(postgresql) == TreeHead(size=0, root=EMPTY_ROOT)
    await postgresql.write(settle)
    assert [one.index for one in await logged(postgresql)] == [0]


async def test_many_nodes_settle_side_by_side(postgresql: PostgresqlDatabase, other_node: PostgresqlDatabase):
    """Forty openers on two nodes, and a sequencer beside them: every event once, no deadlock, no retry left."""
    events = [event(f"rec_{n}") for n in range(40)]

    def settle(one):
        def function(tx):
            tx.events.append(one)
            tx.tree.settle()

        return function

    nodes = [postgresql, other_node]
    writes = [nodes[n % 2].write(settle(one)) for n, one in enumerate(events)]
    writes += [nodes[n % 2].write(lambda tx: tx.tree.sequence(limit=2)) for n in range(20)]
    await asyncio.gather(*writes)
    found = await postgresql.read(lambda tx: tx.events.page("acct_a", recording_id=None, start=0, limit=99))
    assert [one.index for one in found] == list(range(40))
    assert sorted(one.event.id for one in found) == sorted(one.id for one in events)
    assert (await head_of(other_node)).root == mth([one.leaf for one in found])
