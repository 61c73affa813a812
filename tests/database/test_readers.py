"""The readers' promises: fresh snapshots, errors that are their caller's alone, and an end to every queue."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from tests.database.occupied import occupied
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.engines.sqlite_readers import MAX_QUEUE_LENGTH, Readers
from vault.errors import Refused, Unavailable


@pytest.fixture
async def readers(sqlite: SqliteDatabase) -> AsyncIterator[Readers]:
    """One thread that reads, so that what is queued behind it becomes one group."""
    made = Readers([sqlite._reading.connect()])
    yield made
    await asyncio.to_thread(made.close)


def fact(readers: Readers, name: str) -> asyncio.Task:
    """Start reading a fact."""
    return asyncio.ensure_future(readers.read(lambda tx: tx.metadata.get(name)))


async def put(database: SqliteDatabase, name: str) -> None:
    """Write a fact."""
    await database.write(lambda tx: tx.metadata.put({name: b"x"}))


async def test_a_read_sees_what_was_committed_before_it_was_asked_for(
    sqlite: SqliteDatabase, readers: Readers
):
    """Also when the thread was in the middle of an older snapshot at that moment."""

    def look_and_wait(tx):
        before = tx.metadata.get("fact")
        looked.set()
        release.wait()
        return before

    looked, release = threading.Event(), threading.Event()
    older = asyncio.ensure_future(readers.read(look_and_wait))
    await asyncio.to_thread(looked.wait)
    await put(sqlite, "fact")
    asked = [fact(readers, "fact") for _ in range(3)]
    await asyncio.sleep(0)
    release.set()
    assert await older is None
    assert await asyncio.gather(*asked) == [b"x"] * 3


async def test_a_group_shares_one_snapshot(sqlite: SqliteDatabase, readers: Readers):
    """What commits while a group is read shows to none of it, and to the next."""
    loop = asyncio.get_running_loop()

    def look_then_write(tx):
        before = tx.metadata.get("fact")
        asyncio.run_coroutine_threadsafe(put(sqlite, "fact"), loop).result()
        return before

    async with occupied(readers.read):
        group = [asyncio.ensure_future(readers.read(look_then_write)), fact(readers, "fact")]
        await asyncio.sleep(0)
    assert await asyncio.gather(*group) == [None, None]
    assert await fact(readers, "fact") == b"x"


@pytest.mark.parametrize("error", [ValueError("bad"), Refused("no"), KeyboardInterrupt(), SystemExit(3)])
async def test_what_a_function_raises_is_its_callers(
    sqlite: SqliteDatabase, readers: Readers, error: BaseException
):
    """The neighbours in its group are answered, and the thread lives on."""
    await put(sqlite, "fact")

    def fail(_tx):
        raise error

    async def caught() -> type[BaseException] | None:
        try:
            await readers.read(fail)
        except BaseException as raised:  # noqa: BLE001 - what comes out is what is looked at
            return type(raised)
        return None

    async with occupied(readers.read):
        failing, neighbour = asyncio.ensure_future(caught()), fact(readers, "fact")
        await asyncio.sleep(0)
    assert await failing is type(error)
    assert await neighbour == b"x"
    assert await fact(readers, "fact") == b"x"


@pytest.mark.parametrize("word", ["ROLLBACK", "COMMIT"])
async def test_a_function_that_ends_the_transaction_leaves_its_neighbour_a_snapshot(
    sqlite: SqliteDatabase, readers: Readers, word: str
):
    """The neighbour's two statements see the same, whatever commits between them."""
    loop = asyncio.get_running_loop()

    def twice(tx):
        before = tx.metadata.get("fact")
        asyncio.run_coroutine_threadsafe(put(sqlite, "fact"), loop).result()
        return before, tx.metadata.get("fact")

    async with occupied(readers.read):
        ending = asyncio.ensure_future(readers.read(lambda tx: tx.connection.exec_driver_sql(word) and None))
        neighbour = asyncio.ensure_future(readers.read(twice))
        await asyncio.sleep(0)
    await ending
    assert await neighbour == (None, None)


async def test_a_snapshot_that_cannot_be_begun_fails_its_group_and_no_later_one(
    sqlite: SqliteDatabase, readers: Readers
):
    """An old transaction that is still open would show old rows: all hear Unavailable instead."""
    await put(sqlite, "fact")
    drivers = []
    await readers.read(lambda tx: drivers.append(tx.connection.connection.driver_connection))
    drivers[0].execute("BEGIN")
    with pytest.raises(Unavailable):
        await fact(readers, "fact")
    drivers[0].execute("ROLLBACK")
    assert await fact(readers, "fact") == b"x"


async def test_a_cancelled_caller_keeps_nobody_waiting(sqlite: SqliteDatabase, readers: Readers):
    """It is gone immediately, and the read behind it is answered."""
    await put(sqlite, "fact")
    async with occupied(readers.read):
        gone, behind = fact(readers, "fact"), fact(readers, "fact")
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    assert await behind == b"x"


async def test_a_full_queue_refuses(readers: Readers):
    """Beyond the bound a caller is told to come back."""
    async with occupied(readers.read):
        waiting = [fact(readers, "fact") for _ in range(MAX_QUEUE_LENGTH)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await fact(readers, "fact")
        assert refused.value.retry_after == 1
    assert await asyncio.gather(*waiting) == [None] * MAX_QUEUE_LENGTH


async def test_closing_answers_what_is_queued(sqlite: SqliteDatabase):
    """A hundred queued reads are answered; what comes later is refused."""
    await put(sqlite, "fact")
    readers = Readers([sqlite._reading.connect()])
    async with occupied(readers.read):
        waiting = [fact(readers, "fact") for _ in range(100)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(readers.close))
    await closing
    assert await asyncio.gather(*waiting) == [b"x"] * 100
    with pytest.raises(Unavailable):
        await fact(readers, "fact")
