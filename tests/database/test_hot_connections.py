"""Hot statements of PostgreSQL: sent by the event loop, each call a transaction, with the rules of every other call."""

import asyncio

import psycopg
import pytest
from sqlalchemy import bindparam, select, text

from tests.servers.postgresql import PostgresqlServer, name_of
from tests.support.database_rows import open_account
from vault.database.engines import postgresql_job
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.schema.core import accounts
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.hot_text import HotText
from vault.errors import Invalid, Unavailable

ACCOUNT = CompiledSelect(select(accounts.c.name).where(accounts.c.id == bindparam("id")))
PUT = HotText("INSERT INTO vault_metadata (name, value) VALUES (:name, :value)", name="text", value="bytea")
LOCK = HotText("SELECT pg_advisory_xact_lock(:key)", key="bigint")
SLEEP = HotText("SELECT pg_sleep(2)")
SHOW = HotText(
    "SELECT current_setting('transaction_isolation'), current_setting('lock_timeout'), pg_backend_pid()"
)
END = HotText("SELECT pg_terminate_backend(pg_backend_pid())")


def put(name: str):
    return PUT, {"name": name, "value": b"\x00\xff"}


async def kept(database: PostgresqlDatabase, *names: str) -> list[str]:
    """Return those of the names that are stored."""
    return [n for n in names if await database.read(lambda tx, n=n: tx.metadata.get(n)) is not None]


async def test_values_of_every_kind_arrive_as_they_are(postgresql: PostgresqlDatabase):
    """Numbers, bytes and text with quotes, backslashes and words of SQL, alone and in arrays, and what is not there."""
    kinds = {
        "a": "text", "b": "bigint", "c": "bytea", "d": "boolean",
        "e": "text[]", "f": "bigint[]", "g": "bytea[]", "h": "boolean[]",
    }  # fmt: skip
    given = {
        "a": "x'\\\"é", "b": -(2**63), "c": b"\x00\xff", "d": False,
        "e": ['"', "\\", "NULL", "", None, "{},"], "f": [1, None], "g": [b"\x00", b"", None], "h": [True, None],
    }  # fmt: skip
    one = HotText("SELECT :a, :b, :c, :d, :a", **{name: kinds[name] for name in "abcd"})
    many = HotText("SELECT * FROM unnest(:e, :f, :g, :h)", **{name: kinds[name] for name in "efgh"})
    first, second = await postgresql._pool.hot().write([(one, given), (many, given)], guarded=True)
    assert first == [(*(given[name] for name in "abcd"), given["a"])]
    assert [list(column) for column in zip(*second, strict=True)] == [
        given["e"], [1, None, *[None] * 4], [b"\x00", b"", *[None] * 4], [True, *[None] * 5],
    ]  # fmt: skip
    with pytest.raises(Invalid):
        await postgresql._pool.hot().write([(one, given | {"a": "\x00"})], guarded=True)
    nothing = await postgresql._pool.hot().write([(one, dict.fromkeys("abcd"))], guarded=True)
    assert nothing == [[(None,) * 5]]


async def test_a_write_is_one_transaction(postgresql: PostgresqlDatabase):
    """What fails takes the statements before it back, also those of the same message, and the connection stays good."""
    hot = postgresql._pool.hot()
    await hot.write([put("a"), put("b")], guarded=True)
    with pytest.raises(psycopg.IntegrityError):
        await hot.write([put("c"), put("a"), put("d")], guarded=True)
    await hot.write([put("e")], guarded=True)
    assert await kept(postgresql, *"abcde") == ["a", "b", "e"]
    assert len(hot._idle) == 1


async def test_every_wait_has_an_end_and_a_statement_after_a_lock_sees_what_was_committed(
    postgresql: PostgresqlDatabase, migrated_url: str
):
    """The isolation is READ COMMITTED whatever the database's default is. Wrong: to rely on the default."""
    with psycopg.connect(migrated_url, autocommit=True) as other:
        name = name_of(migrated_url)
        other.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")  # type: ignore[arg-type]
    (row,) = (await postgresql._pool.hot().write([(SHOW, {})], guarded=True))[0]
    assert row[:2] == ("read committed", "5s")
    seen = HotText("SELECT count(*) FROM vault_metadata WHERE name = 'x'")
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(7)")
        call = asyncio.ensure_future(
            postgresql._pool.hot().write([(LOCK, {"key": 7}), (seen, {})], guarded=True)
        )
        await asyncio.sleep(0.1)
        holder.execute("INSERT INTO vault_metadata VALUES ('x', '')")
    assert (await call)[1] == [(1,)]


async def test_reads_share_connections_and_are_repeated_when_one_breaks(
    postgresql: PostgresqlDatabase, migrated_url: str
):
    """A hundred concurrent reads take two connections; all of them are answered although their connections are cut."""
    await open_account(postgresql)
    hot = postgresql._pool.hot()
    answers = await asyncio.gather(*(postgresql.fetch(ACCOUNT, id="acct_a") for _ in range(100)))
    assert [len(rows) for rows in answers] == [1] * 100
    assert len(hot._readers) <= 2
    for connection in hot._readers:
        connection.driver.cut()
    assert len(await asyncio.gather(*(postgresql.fetch(ACCOUNT, id="acct_a") for _ in range(10)))) == 10


async def test_a_write_whose_connection_ends_is_unknown_and_not_repeated(postgresql: PostgresqlDatabase):
    """Nobody knows whether it was committed. Wrong: to send it again, as a read."""
    hot = postgresql._pool.hot()
    with pytest.raises(Unavailable) as told:
        await hot.write([put("a"), (END, {}), put("b")], guarded=True)
    assert str(told.value) == postgresql_job.UNKNOWN
    assert await kept(postgresql, "a", "b") == []
    await hot.write([put("a")], guarded=True)


async def test_a_deadline_ends_every_call(postgresql: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch):
    """A read says that nothing was done, a write that nobody knows; later calls have other connections."""
    hot = postgresql._pool.hot()
    await hot.write([put("a")], guarded=True)
    await hot.read((SHOW, {}), guarded=True)
    monkeypatch.setattr(postgresql_job, "DEADLINE", 0.3)
    with pytest.raises(Unavailable) as told:
        await hot.read((SLEEP, {}), guarded=True)
    assert str(told.value) == postgresql_job.NOTHING_DONE
    with pytest.raises(Unavailable) as told:
        await hot.write([(SLEEP, {}), put("b")], guarded=True)
    assert str(told.value) == postgresql_job.UNKNOWN
    monkeypatch.undo()
    with pytest.raises(Unavailable, match="does not accept writes"):
        await postgresql.check()
    await hot.write([put("c")], guarded=True)
    assert await hot.read((SHOW, {}), guarded=True)


async def test_writes_that_wait_have_a_bound_and_do_not_hold_up_reads(
    postgresql: PostgresqlDatabase, migrated_url: str
):
    """Twenty writes wait for one lock on eight connections; a read passes, and a cancelled caller frees its place."""
    hot = postgresql._pool.hot()
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(7)")
        calls = [
            asyncio.ensure_future(hot.write([(LOCK, {"key": 7}), put(f"w{n}")], guarded=True))
            for n in range(20)
        ]
        while len(hot._busy) < 8:
            await asyncio.sleep(0.01)
        assert await hot.read((SHOW, {}), guarded=True)
        calls[0].cancel()
        await asyncio.sleep(0.05)
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError, *[list] * 19]
    assert len(await kept(postgresql, *(f"w{n}" for n in range(20)))) == 20
    assert len(hot._idle) == 8


async def test_a_table_that_was_changed_meanwhile_is_read(postgresql: PostgresqlDatabase, migrated_url: str):
    """A prepared statement whose columns changed is prepared again. Wrong: every later read of it fails."""
    every = HotText("SELECT * FROM vault_metadata")
    hot = postgresql._pool.hot()
    await hot.write([put("a")], guarded=True)
    assert len((await hot.read((every, {}), guarded=True))[0]) == 2
    with psycopg.connect(migrated_url, autocommit=True) as other:
        other.execute("ALTER TABLE vault_metadata ADD COLUMN more text")
    assert len((await hot.read((every, {}), guarded=True))[0]) == 3


async def test_nothing_runs_on_a_history_that_was_not_checked(
    postgresql: PostgresqlDatabase, postgresql_server: PostgresqlServer
):
    """As for every other call: the check runs first, also after a restart; a failed one lets nothing through."""
    looks: list[str] = []

    async def look() -> None:
        await postgresql.unguarded.fetch(ACCOUNT, id="x")
        looks.append("look")
        if len(looks) == 2:
            raise Unavailable("Behind.")

    postgresql.history_check = look
    hot = postgresql._pool.hot()
    await asyncio.gather(hot.write([put("a")], guarded=True), postgresql.fetch(ACCOUNT, id="x"))
    assert looks == ["look"]
    await asyncio.to_thread(postgresql_server.stop)
    postgresql_server.start()  # Here, for it dies with the thread that starts it.
    with pytest.raises(Unavailable, match="Behind"):
        await hot.write([put("b")], guarded=True)
    assert await postgresql.unguarded.read(lambda tx: tx.metadata.get("b")) is None


async def test_a_fetch_costs_one_statement_and_no_thread(postgresql: PostgresqlDatabase, migrated_url: str):
    """The server counts one transaction for each, and no thread of the lanes starts."""
    fresh = PostgresqlDatabase(migrated_url)
    await fresh.fetch(ACCOUNT, id="x")
    # One transaction to the end: those of its own would be counted at some time.
    with psycopg.connect(migrated_url) as other:
        before = await _transactions(other, fresh)
        for _ in range(20):
            await fresh.fetch(ACCOUNT, id="x")
        assert await _transactions(other, fresh) - before == 20 + 1
    assert [threads._threads for threads in fresh._pool._threads.values()] == [[]] * 4
    fresh.close()
    with pytest.raises(Unavailable, match="stopping"):
        await fresh.fetch(ACCOUNT, id="x")


async def _transactions(connection: psycopg.Connection, database: PostgresqlDatabase) -> int:
    flush = HotText("SELECT pg_stat_force_next_flush()")
    await database._pool.hot().read((flush, {}), guarded=True)
    connection.execute("SELECT pg_stat_clear_snapshot()")
    row = connection.execute(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


async def test_threads_do_not_ping_what_answered_just_now(postgresql: PostgresqlDatabase):
    """Two calls within a second cost no ping; a connection that died in between fails nobody."""
    pings: list[float] = []

    def run(tx):
        driver = tx.connection.connection.driver_connection
        real = type(driver).answers
        driver.answers = lambda seconds: pings.append(seconds) or real(driver, seconds)
        return tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()

    process = await postgresql.write(run)
    assert await postgresql.write(run) == process
    assert pings == []
    with psycopg.connect(postgresql._pool._url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (process,))
    assert await postgresql.write(run) != process
