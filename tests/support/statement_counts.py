"""``python -m tests.support.statement_counts``: write the table of what hot verbs ask of database and object store.

BEGIN, COMMIT and savepoints are no statements. The counts do not depend on the machine, so a regression is a change of
``tests/golden/statements.txt`` that a reviewer sees.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.servers.postgresql import postgresql_running
from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.parties import CALLEE, CALLER
from tests.support.service_house import House, new_house
from vault.database.engines.migrate import migrate_postgresql
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.postgresql_pipeline import PipelinedConnection
from vault.database.engines.postgresql_pool import PostgresqlPool
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.calls.call import CallFacts
from vault.errors import NotFound
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads

TABLE: Final = Path(__file__).parents[1] / "golden" / "statements.txt"
_HEAD: Final = """\
What each hot verb asks of the database and the object store, once keys and connections are cached.
Written by: python -m tests.support.statement_counts

verb                                      statements  transactions  objects
"""
#: A verb, which is told how often it ran before.
Verb = Callable[[int], Awaitable[Any]]
#: Enough that one of them has no job of the house beside it: limits are read again, a connection notes its webhook.
_RUNS: Final = 6
_STATEMENTS: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


class Counts:
    """Statements and transactions so far."""

    statements = 0
    transactions = 0


@contextmanager
def _on_sqlite(database: SqliteDatabase, counts: Counts) -> Iterator[None]:
    def note(text: str) -> None:
        word = text.split(maxsplit=1)[0]
        # A trigger's statement is a comment.
        counts.statements += word in _STATEMENTS
        counts.transactions += word == "BEGIN"

    connections = [database._writer_connection, *database._reading_connections]
    drivers: list[Any] = [one.connection.driver_connection for one in connections]
    for driver in drivers:
        driver.set_trace_callback(note)
    try:
        yield
    finally:
        for driver in drivers:
            driver.set_trace_callback(None)


@contextmanager
def _on_postgresql(counts: Counts) -> Iterator[None]:
    execute, submit, transact = psycopg.Cursor.execute, PipelinedConnection.submit, PostgresqlPool._transact

    def counted_execute(cursor: Any, *given: Any, **how: Any) -> Any:
        # A new connection is looked at by a statement that is not prepared.
        counts.statements += how.get("prepare") is not False
        return execute(cursor, *given, **how)

    def counted_submit(connection: Any, steps: Any, guard: Any = None) -> Any:
        # A guard goes with the first call in some milliseconds only.
        counts.statements += len(steps)
        counts.transactions += bool(steps)
        return submit(connection, steps, guard)

    def counted_transact(*given: Any) -> Any:
        counts.transactions += 1
        return transact(*given)

    psycopg.Cursor.execute = counted_execute  # type: ignore[method-assign]
    PipelinedConnection.submit = counted_submit  # type: ignore[method-assign]
    PostgresqlPool._transact = counted_transact  # type: ignore[method-assign]
    try:
        yield
    finally:
        psycopg.Cursor.execute = execute  # type: ignore[method-assign]
        PipelinedConnection.submit = submit  # type: ignore[method-assign]
        PostgresqlPool._transact = transact  # type: ignore[method-assign]


@contextmanager
def counted(database: SqliteDatabase | PostgresqlDatabase) -> Iterator[Counts]:
    """Count what is asked of a database meanwhile."""
    counts = Counts()
    with _on_sqlite(database, counts) if isinstance(database, SqliteDatabase) else _on_postgresql(counts):
        yield counts


async def _rows(house: House) -> AsyncIterator[tuple[str, *tuple[int, ...]]]:
    """Run each verb some times, and return the least of each count: the first fills caches, and timers count too."""
    with counted(house.database) as counts:
        async for name, verb in _verbs(house):
            runs = []
            for number in range(_RUNS):
                before = (counts.statements, counts.transactions, len(house.objects.calls))
                await verb(number)
                after = (counts.statements, counts.transactions, len(house.objects.calls))
                runs.append(tuple(now - then for now, then in zip(after, before, strict=True)))
            yield name, *(min(column) for column in zip(*runs, strict=True))


async def _verbs(house: House) -> AsyncIterator[tuple[str, Verb]]:
    vault, account = house.vault, house.account
    _, key = await vault.accounts.api_keys.issue(name="k", scopes=["*"], account_id=None, actor="test")
    yield (
        "check the key, find the account",
        lambda _: vault.accounts.api_keys.authorize(key.text, account.ref),
    )

    def start(call: str) -> Awaitable[Any]:
        facts = CallFacts(call_ref=call, direction="inbound", caller=CALLER, callee=CALLEE)
        return vault.recordings.calls.start(account.id, facts)

    yield "call start", lambda number: start(f"call-{number}")
    yield "call start, repeated", lambda _: start("call-0")

    def announce(ref: str, call: str) -> Awaitable[Any]:
        return house.announce(ref, call_ref=call, **{"from": CALLER, "to": CALLEE})

    yield "webhook", lambda number: announce(f"rec-{number}", f"new-{number}")
    yield "webhook, repeated", lambda _: announce("rec-0", "new-0")
    yield "webhook after its call start", lambda number: announce(f"late-{number}", f"call-{number}")
    recording = (await house.announce("played", call_ref="played")).recording_id
    assert recording is not None
    await house.settle(recording)
    wish = LinkRequest(listener="k", kind="player", life=timedelta(hours=1), sessions=9)
    _, token = await vault.playback.links.create(house.account.id, recording, wish, actor="test")
    opened = []

    async def open_it(number: int) -> None:
        await database_settled(house)
        opened.append(
            await vault.playback.open_links.open(token.text, nonce=f"{number}", address=None, agent="")
        )

    yield "open a link, and settle before", open_it

    minter = await registered(house, Minter())

    async def open_signed(_: int) -> None:
        await database_settled(house)
        await vault.playback.open_links.open(minter.token(recording), nonce="n", address=None, agent="")

    yield "open a signed link, and settle before", open_signed
    forged = minter.token(recording)[:-1] + "!"

    async def open_forged(_: int) -> None:
        with suppress(NotFound):
            await vault.playback.open_links.open(forged, nonce="n", address=None, agent="")

    yield "open a forged link", open_forged

    async def play(_: int) -> None:
        session, secret = opened[0].session.id, opened[0].secret.text
        found = await vault.playback.open_links.find_to_play(session, secret, address=None, agent="")
        sound = await vault.playback.audio.for_session(found.session, found.recording, found.keys)
        assert [block async for block in await vault.playback.audio.stream(sound, 100, sound.size)]

    yield "a range of audio, and its end", play

    async def download(_: int) -> None:
        sound = await vault.playback.audio.for_download(account.id, recording, actor="key_1")
        assert [block async for block in await vault.playback.audio.stream(sound, 100, sound.size)]

    yield "a range of audio by key, and its end", download


async def database_settled(house: House) -> None:
    """Move what waits into the log's tree, so that the next open moves its own event only."""
    await house.database.write(lambda tx: tx.tree.settle())


async def measure(house: House) -> str:
    """Return the lines of the table for the house's database."""
    lines = [
        f"{name:<42}{statements:>10}{transactions:>14}{objects:>9}\n"
        async for name, statements, transactions, objects in _rows(house)
    ]
    return "".join(lines)


def section(name: str, table: str) -> str:
    """Return the table of a database with its title."""
    return f"\n{name}\n{table}"


async def _write() -> None:
    threads = Threads("counts", 4)
    text = _HEAD
    with tempfile.TemporaryDirectory() as folder, postgresql_running() as server:
        url = server.new_database()
        migrate_postgresql(url)
        for name, database in (("sqlite", None), ("postgresql", PostgresqlDatabase(url))):
            async with new_house(Path(folder) / name, threads, database) as house:
                text += section(name, await measure(house))
    threads.close()
    TABLE.write_text(text)


if __name__ == "__main__":
    asyncio.run(_write())
