"""The writer's promises: who shares a group's fate, who overtakes, and that the thread never dies."""

import asyncio
import contextlib
import threading

import pytest

from tests.database.occupied import occupied
from tests.support.database_rows import raising
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.engines.sqlite_writer import MAX_QUEUE_LENGTH
from vault.errors import Unavailable


class NotAnException(BaseException):
    """Something that ``except Exception`` lets through."""


def put(database: SqliteDatabase, name: str, *, urgent: bool = False) -> asyncio.Task:
    """Start writing a fact."""
    return asyncio.ensure_future(database.write(lambda tx: tx.metadata.put({name: b"x"}), urgent=urgent))


async def known(database: SqliteDatabase, name: str) -> bool:
    """Say whether a fact is there."""
    return await database.read(lambda tx: tx.metadata.get(name)) is not None


@pytest.mark.parametrize("error", [NotAnException("x"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
async def test_whatever_a_function_raises_is_its_callers(sqlite: SqliteDatabase, error: BaseException):
    """Errors beside Exception come out of the write that caused them, and the writer lives on."""
    with pytest.raises(type(error)):
        await sqlite.write(raising(error))
    assert not await known(sqlite, f"undone {id(error)}")
    await put(sqlite, "after")
    assert await known(sqlite, "after")


async def test_urgent_writes_overtake(sqlite: SqliteDatabase):
    """What is urgent runs before everything that waits, even before an earlier group's worth of it."""
    order: list[str] = []
    async with occupied(sqlite.write):
        waiting = [
            asyncio.ensure_future(sqlite.write(lambda _tx, n=n: order.append(f"{n}"))) for n in range(400)
        ]
        await asyncio.sleep(0)
        waiting.append(asyncio.ensure_future(sqlite.write(lambda _tx: order.append("urgent"), urgent=True)))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert order == ["urgent", *map(str, range(400))]


async def test_a_full_queue_refuses_and_lets_urgent_writes_in(sqlite: SqliteDatabase):
    """Beyond the bound a caller is told to come back; the switch gets in all the same."""
    async with occupied(sqlite.write):
        waiting = [asyncio.ensure_future(sqlite.write(lambda _tx: None)) for _ in range(MAX_QUEUE_LENGTH)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await sqlite.write(lambda _tx: None)
        assert refused.value.retry_after == 1
        waiting.append(put(sqlite, "switch", urgent=True))
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert await known(sqlite, "switch")


async def test_closing_finishes_what_is_queued(sqlite: SqliteDatabase):
    """Six hundred queued writes are done and answered; what comes later is refused."""
    async with occupied(sqlite.write):
        waiting = [put(sqlite, f"fact {n}") for n in range(600)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(sqlite.close))
    await closing
    await asyncio.gather(*waiting)
    with pytest.raises(Unavailable):
        await sqlite.write(lambda _tx: None)
    reopened = SqliteDatabase(sqlite.path)
    assert await known(reopened, "fact 599")
    reopened.close()


@pytest.mark.parametrize("words", [["COMMIT"], ["ROLLBACK"], ["COMMIT", "BEGIN"], ["RELEASE job"]])
async def test_a_function_that_ends_the_transaction_fails_its_group(sqlite: SqliteDatabase, words: list[str]):
    """Nobody of the group is told that something is durable, and the next group is as good as new."""

    def meddle(tx):
        tx.metadata.put({"meddled": b"x"})
        for word in words:
            tx.connection.exec_driver_sql(word)

    async with occupied(sqlite.write):
        group = [put(sqlite, "before"), asyncio.ensure_future(sqlite.write(meddle)), put(sqlite, "behind")]
        await asyncio.sleep(0)
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert not await known(sqlite, "behind")
    await put(sqlite, "after")
    assert await known(sqlite, "after")


async def test_a_failing_commit_fails_the_whole_group(sqlite: SqliteDatabase):
    """A COMMIT that the database refuses undoes all ten writes, and tells all ten callers."""
    await sqlite.write(
        lambda tx: tx.connection.exec_driver_sql(
            "CREATE TABLE orphans (parent REFERENCES vault_metadata (name) DEFERRABLE INITIALLY DEFERRED)"
        )
    )
    sqlite._writer._driver.execute("PRAGMA foreign_keys=ON")
    async with occupied(sqlite.write):
        group = [put(sqlite, f"fact {n}") for n in range(9)]
        orphan = "INSERT INTO orphans VALUES ('nobody')"
        group.append(asyncio.ensure_future(sqlite.write(lambda tx: tx.connection.exec_driver_sql(orphan))))
        await asyncio.sleep(0)
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 10
    assert [await known(sqlite, f"fact {n}") for n in range(9)] == [False] * 9
    await put(sqlite, "after")
    assert await known(sqlite, "after")


async def test_a_full_database_fails_the_whole_group(sqlite: SqliteDatabase):
    """When one write finds no room, its group hears Unavailable; with room the same writes succeed."""
    pages = await sqlite.read(lambda tx: tx.connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    sqlite._writer._driver.execute(f"PRAGMA max_page_count={pages + 2}").fetchone()

    def writes(name: str):
        big = sqlite.write(lambda tx: tx.metadata.put({f"big {name}": b"x" * 100_000}))
        return [put(sqlite, f"small {name}"), asyncio.ensure_future(big), put(sqlite, f"last {name}")]

    for _ in range(3):
        answers = await asyncio.gather(*writes("1"), return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3
        assert not await known(sqlite, "small 1")
    sqlite._writer._driver.execute("PRAGMA max_page_count=1000000").fetchone()
    await asyncio.gather(*writes("1"))
    assert await known(sqlite, "big 1")


async def test_a_caller_whose_loop_is_gone_does_no_harm(sqlite: SqliteDatabase):
    """The effect of its write stands, and the writer goes on."""
    release = threading.Event()

    def slow(tx):
        tx.metadata.put({"slow": b"x"})
        release.wait()

    def caller() -> None:
        with contextlib.suppress(TimeoutError):
            asyncio.run(asyncio.wait_for(sqlite.write(slow), 0.05))

    await asyncio.to_thread(caller)
    release.set()
    await put(sqlite, "after")
    assert await known(sqlite, "slow")
    assert await known(sqlite, "after")
