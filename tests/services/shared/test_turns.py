"""What all nodes together do once: turns, answers to repeated requests, and work that a stopping node gives back."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from tests.support.service_house import LONG_AGO, House
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.node import turns as turn_rows
from vault.errors import Busy, FetchFailed, Invalid, LeaseLost
from vault.services.accounts.idempotency import Idempotency
from vault.services.shared import singleton_job
from vault.services.shared.singleton_job import SingletonJobs

Database = SqliteDatabase | PostgresqlDatabase
HOUR = timedelta(hours=1)


@pytest.fixture
def other(database: Database, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Another node's way to the same database; on SQLite there is none but the first one's."""
    if isinstance(database, SqliteDatabase):
        yield database
        return
    opened = PostgresqlDatabase(request.getfixturevalue("migrated_url"))
    yield opened
    opened.close()


async def test_ten_nodes_sweep_once(database: Database, other: Database):
    """Of nodes that ask at the same time one does the work, and nobody does it again before its time."""
    done: list[int] = []

    async def work() -> None:
        done.append(1)
        await asyncio.sleep(0.05)

    nodes = [SingletonJobs(database=one) for one in (database, other) * 5]
    first = await asyncio.gather(*(node.run("sweep", work, every=HOUR) for node in nodes))
    again = await asyncio.gather(*(node.run("sweep", work, every=HOUR) for node in nodes))
    assert (sorted(first), again, done) == ([False] * 9 + [True], [False] * 10, [1])


async def test_turns_of_other_names_are_free(database: Database):
    """A turn keeps nobody from another one."""
    take = SingletonJobs(database=database)

    async def inner() -> None:
        assert await take.run("expire", nothing, every=HOUR)

    assert await take.run("sweep", inner, every=HOUR)


async def test_work_that_fails_is_tried_again_soon(database: Database, monkeypatch: pytest.MonkeyPatch):
    """The error comes out, and the next turn is not an hour away."""
    monkeypatch.setattr(singleton_job, "_AFTER_FAILURE", timedelta())
    take = SingletonJobs(database=database)

    async def fails() -> None:
        raise FetchFailed("no")

    with pytest.raises(FetchFailed):
        await take.run("sweep", fails, every=HOUR)
    assert await take.run("sweep", nothing, every=HOUR)


async def test_a_stopping_node_gives_its_turn_to_the_next(database: Database, other: Database):
    """Cancelled in the middle, it leaves the turn free immediately."""
    begun = asyncio.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(SingletonJobs(database=database).run("sweep", endless, every=HOUR))
    await begun.wait()
    assert not await SingletonJobs(database=other).run("sweep", nothing, every=HOUR)
    task.cancel()
    await asyncio.wait({task})
    assert await SingletonJobs(database=other).run("sweep", nothing, every=HOUR)


class Sleeping:
    """A node's database: while ``asleep`` is held, none of its writes is under way."""

    def __init__(self, database: Database) -> None:
        self.read = database.read
        self._write = database.write
        self.asleep = asyncio.Lock()

    async def write(self, function):
        """Write, but not in its sleep."""
        async with self.asleep:
            return await self._write(function)


async def test_a_node_that_slept_hears_that_it_lost_its_turn(
    database: Database, other: Database, monkeypatch: pytest.MonkeyPatch
):
    """A turn without a sign of life goes to another node, and the first one's work is stopped."""
    monkeypatch.setattr(singleton_job, "RENEWAL", timedelta(milliseconds=10))
    node = Sleeping(database)
    begun = asyncio.Event()
    stopped: list[str] = []

    async def sleeps() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append("first")

    first = asyncio.create_task(SingletonJobs(database=node).run("sweep", sleeps, every=HOUR))
    await begun.wait()
    async with node.asleep:
        # Its lease ends, as it does after a minute on the database's clock.
        await other.write(lambda tx: tx.connection.execute(update(turn_rows).values(until=LONG_AGO)))
        assert await SingletonJobs(database=other).run("sweep", nothing, every=HOUR)
    with pytest.raises(LeaseLost):
        await first
    assert stopped == ["first"]
    assert not await SingletonJobs(database=database).run("sweep", nothing, every=HOUR)


async def test_two_nodes_answer_a_repeated_request_once(database: Database, other: Database):
    """The second node hears Busy while the first one answers, and then gives the first one's answer."""
    made: list[int] = []
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def answer() -> tuple[int, bytes]:
        made.append(1)
        begun.set()
        await may_end.wait()
        return 201, b"link %d" % len(made)

    first = asyncio.create_task(ask(database, answer))
    await begun.wait()
    with pytest.raises(Busy):
        await ask(other, answer)
    may_end.set()
    assert await first == (201, b"link 1")
    assert await ask(other, answer) == (201, b"link 1")
    assert made == [1]
    with pytest.raises(Invalid):
        await ask(other, answer, request=b"another")


async def test_a_request_that_failed_can_be_repeated_on_another_node(database: Database, other: Database):
    """An error is not kept, and leaves no turn behind."""

    async def fails() -> tuple[int, bytes]:
        raise FetchFailed("no")

    async def works() -> tuple[int, bytes]:
        return 201, b"made"

    with pytest.raises(FetchFailed):
        await ask(database, fails)
    assert await ask(other, works) == (201, b"made")


async def ask(database: Database, answer, request: bytes = b"same") -> tuple[int, bytes]:
    """Send one request with its Idempotency-Key to a node of its own."""
    once = Idempotency(database=database, clock=lambda: datetime.now(UTC))
    return await once.run(
        key_id="key_1", bearer="cv_1_x", idempotency_key="k", request=request, answer=answer
    )


async def nothing() -> None:
    """Do no work."""


async def test_a_kept_answer_is_dropped_after_a_day(house: House):
    """The sweep deletes it, and what a dead node left of a request; the same request is a new one then."""
    answers = iter((b"first", b"second", b"third"))

    async def answer() -> tuple[int, bytes]:
        return 201, next(answers)

    async def ask(hours_ago: int) -> bytes:
        once = replace(house.vault.accounts.idempotency, clock=lambda: datetime.now(UTC) - hours_ago * HOUR)
        said = {"key_id": "key_1", "bearer": "cv_secret", "idempotency_key": "same", "request": b"POST"}
        return (await once.run(**said, answer=answer))[1]

    assert await ask(25) == b"first"
    assert await ask(0) == b"first"
    lease, alive = "answer/key_1/00", "answer/key_1/01"
    await house.database.write(lambda tx: tx.singleton_leases.claim(lease, lease=-25 * HOUR))
    await house.database.write(lambda tx: tx.singleton_leases.claim(alive, lease=HOUR))
    await house.vault.jobs.sweep()
    assert await ask(0) == b"second"
    await house.vault.jobs.sweep()
    assert await ask(0) == b"second"
    query = select(turn_rows.c.name).where(turn_rows.c.name.startswith("answer/"))
    left = await house.database.read(lambda tx: tx.connection.execute(query).scalars().all())
    assert left == [alive]
