"""A real primary with its standby: promoted, standing still, cancelled waits. Every call has an end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import psycopg
import pytest

from tests.servers.postgresql_pair import PostgresqlPair, postgresql_pair, wait_for
from vault.database.engines import postgresql_job, postgresql_pool
from vault.database.engines.migrate import check_postgresql, migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.errors import DatabaseUnfit, StartRefused, Unavailable

_PATIENCE = 60.0
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture(scope="module")
def pair() -> Iterator[PostgresqlPair]:
    """A pair with a synchronous standby."""
    with postgresql_pair(synchronous=True) as made:
        yield made


@pytest.fixture
def database(pair: PostgresqlPair) -> Iterator[PostgresqlDatabase]:
    """The primary as a node has it."""
    opened = PostgresqlDatabase(pair.primary.url())
    yield opened
    opened.close()


def _note(name: str, value: str):
    return lambda tx: tx.metadata.put({name: value.encode()})


async def test_no_call_waits_for_a_standby_that_stands_still(
    pair: PostgresqlPair, database: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """Writes and urgent writes end unknown, reads answer beside them, and afterwards all is well again.

    Wrong: a deadline without the commit, or without the time in the queue.
    """
    await database.write(lambda tx: tx.now())
    monkeypatch.setattr(postgresql_job, "DEADLINE", 3.0)
    pair.standby.freeze()
    try:
        writes = [asyncio.ensure_future(database.write(_note(f"stuck {n}", "x"))) for n in range(30)]
        writes.append(asyncio.ensure_future(database.write(_note("off", "x"), urgent=True)))
        async with asyncio.timeout(_PATIENCE):
            while not writes[-1].done():
                await database.read(lambda tx: tx.metadata.get("off"))
                await asyncio.sleep(0.1)
            ends = await asyncio.gather(*writes, return_exceptions=True)
        assert {type(one) for one in ends} == {Unavailable}
        said = {str(one) for one in ends}
        assert said == {postgresql_job.UNKNOWN, postgresql_job.NOTHING_DONE}
        assert str(ends[-1]) == postgresql_job.UNKNOWN
        with pytest.raises(Unavailable, match="does not accept writes"):
            await database.check()
    finally:
        pair.standby.thaw()
    wait_for(lambda: pair.primary.ask(_WAITING) == 0)
    await database.write(_note("after", "x"))
    kept = await database.read(lambda tx: [n for n in range(30) if tx.metadata.get(f"stuck {n}")])
    unknown = [n for n in range(30) if str(ends[n]) == postgresql_job.UNKNOWN]
    assert kept == unknown, "what was said to be not done was done, or the other way round"


async def test_what_waits_on_the_server_has_a_bound(
    pair: PostgresqlPair, database: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """However many writes come while the standby stands still, a node leaves few backends waiting behind it."""
    monkeypatch.setattr(postgresql_job, "DEADLINE", 0.3)
    pair.standby.freeze()
    try:
        for round_ in range(4):
            calls = [database.write(_note(f"bound {round_} {n}", "x")) for n in range(12)]
            await asyncio.gather(*calls, return_exceptions=True)
        assert int(str(pair.primary.ask(_WAITING))) <= 24
    finally:
        pair.standby.thaw()
    wait_for(lambda: pair.primary.ask(_WAITING) == 0)
    await database.write(_note("bound", "x"))


async def test_a_commit_that_was_told_not_to_wait_is_never_taken_for_done(
    pair: PostgresqlPair, database: PostgresqlDatabase
):
    """The server answers COMMIT and a warning; the caller hears that nobody knows, and the connection goes.

    Wrong: no notice handler.
    """
    await database.write(lambda tx: tx.now())
    pair.standby.freeze()
    try:
        call = asyncio.ensure_future(database.write(_note("cancelled", "x")))
        while not pair.primary.ask(_WAITING):
            await asyncio.sleep(0.02)
        backend = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        process = pair.primary.ask(backend)
        pair.primary.ask(f"SELECT pg_cancel_backend({process})")
        with pytest.raises(Unavailable, match="It is not known"):
            await call
        assert await database.read(lambda tx: tx.metadata.get("cancelled")) == b"x"
        while (process,) in _backends(pair.primary.url()):
            await asyncio.sleep(0.02)
    finally:
        pair.standby.thaw()
    await database.write(_note("cancelled after", "x"))


async def test_closing_does_not_wait_for_a_stuck_commit(pair: PostgresqlPair):
    """The threads are let go within seconds, and the callers hear that nobody knows."""
    database = PostgresqlDatabase(pair.primary.url())
    await database.write(lambda tx: tx.now())
    pair.standby.freeze()
    try:
        calls = [asyncio.ensure_future(database.write(_note(f"close {n}", "x"))) for n in range(3)]
        while pair.primary.ask(_WAITING) != 3:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(database.close)
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert {str(one) for one in ends} == {postgresql_job.UNKNOWN}
        with pytest.raises(Unavailable, match="stopping"):
            await database.read(lambda tx: tx.now())
    finally:
        pair.standby.thaw()
    wait_for(lambda: pair.primary.ask(_WAITING) == 0)


async def test_a_standby_is_refused_with_a_sentence(pair: PostgresqlPair):
    """serve, worker and migrate do not start on one; a running node says that it is one."""
    url = pair.standby.url()
    for step in (check_postgresql, migrate_postgresql):
        with pytest.raises(StartRefused, match="is a read-only standby"):
            step(url)
    database = PostgresqlDatabase(url)
    for call in (database.read, database.write):
        with pytest.raises(DatabaseUnfit, match=r"^This is a read-only standby\.$"):
            await call(lambda tx: tx.now())
    database.close()
    alone = f"postgresql://postgres@{pair.standby.address},127.0.0.1:9/vault"
    with pytest.raises(Unavailable, match="None of the servers"):
        check_postgresql(alone)


async def test_a_promoted_standby_is_looked_at_before_anything_runs_on_it():
    """With a list of hosts the same pool goes to the other server: a new timeline, so somebody looks first.

    Wrong: to look at start only.
    """
    looks: list[str] = []
    with postgresql_pair() as pair:
        migrate_postgresql(pair.hosts())
        database = PostgresqlDatabase(pair.hosts())

        async def look() -> None:
            looks.append("look")
            if len(looks) == 2:
                raise Unavailable("Behind.")

        database.history_check = look
        await asyncio.gather(*(database.write(_note(f"a {n}", "x")) for n in range(20)))
        assert len(looks) == 1
        pair.catch_up()
        await asyncio.to_thread(pair.fail_over)
        ran: list[int] = []
        seen = set()
        while not ran:
            try:
                await database.write(lambda _tx: ran.append(len(looks)))
            except Unavailable as error:
                seen.add(str(error))
                await asyncio.sleep(0.05)
        assert "Behind." in seen
        assert ran == [3]
        assert await database.read(lambda tx: tx.metadata.get("a 19")) == b"x"
        database.close()


async def test_an_old_primary_that_comes_back_is_never_written_to():
    """Connections that are cut go to it, for it is the first of the list: the look refuses it each time.

    Once it is gone, the promoted one is used again as what it was accepted as. Wrong: to look at start only.
    """
    with postgresql_pair() as pair:
        database, newest = PostgresqlDatabase(pair.hosts()), ["a"]
        await database.write(_note("a", "x"))

        async def look() -> None:
            if await database.unguarded.read(lambda tx: tx.metadata.get(newest[0])) is None:
                raise Unavailable("Behind.")

        database.history_check = look
        pair.catch_up()
        await asyncio.to_thread(pair.fail_over)
        await _until_done(lambda: database.write(_note("b", "x")))
        newest[0] = "b"
        pair.primary.restart_alone()
        ours = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'callvault'"
        pair.standby.ask(ours)
        for number in range(3):
            with pytest.raises(Unavailable):
                await database.write(_note(f"c {number}", "x"))
        assert pair.primary.ask("SELECT count(*) FROM vault_metadata WHERE name LIKE 'c %'", "vault") == 0
        await asyncio.to_thread(pair.primary.kill)
        await _until_done(lambda: database.write(_note("d", "x")))
        assert pair.standby.ask("SELECT count(*) FROM vault_metadata WHERE name IN ('b', 'd')", "vault") == 2
        database.close()


async def _until_done(call: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                return await call()
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_a_primary_that_stands_still_does_not_keep_the_node(monkeypatch: pytest.MonkeyPatch):
    """Its connections stay open and answer nothing; the node leaves them for the promoted standby."""
    with postgresql_pair() as pair:
        database = PostgresqlDatabase(pair.hosts())
        await asyncio.gather(*(database.write(lambda tx: tx.now()) for _ in range(20)))
        await asyncio.gather(*(database.read(lambda tx: tx.now()) for _ in range(20)))
        pair.catch_up()
        monkeypatch.setattr(postgresql_job, "DEADLINE", 3.0)
        monkeypatch.setattr(postgresql_pool, "PING_SECONDS", 0.3)
        pair.primary.freeze()
        pair.standby.promote()
        for call in (database.write, database.read):
            while True:
                try:
                    await call(lambda tx: tx.now())
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
        assert {pid for (pid,) in _backends(pair.standby.url())}
        pair.primary.thaw()
        database.close()


def _backends(url: str) -> list[tuple[int]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'callvault'"
        ).fetchall()
