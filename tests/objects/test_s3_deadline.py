"""Calls of S3 that never end: who waits for them, for how long, and what the breaker then lets through."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from vault.errors import Unavailable
from vault.objects.s3_client import S3Calls, S3Refusal
from vault.thread_pools import Threads

#: Far above what a call of these tests takes: only a wait without end reaches it.
FOR_EVER = 60


class Store:
    """A function in the place of a request: it counts its calls, and hangs, fails, refuses or answers."""

    def __init__(self) -> None:
        self.calls = 0
        self.hanging = threading.Event()
        self.released = threading.Event()
        self.error: Exception | None = None

    def ask(self) -> str:
        """Answer once released, or fail."""
        self.calls += 1
        if self.error is not None:
            raise self.error
        self.hanging.set()
        assert self.released.wait(FOR_EVER)
        return "answer"


@pytest.fixture
def store() -> Iterator[Store]:
    """A store whose threads all end with the test."""
    store = Store()
    yield store
    store.released.set()


@pytest.fixture
def calls(store: Store) -> Iterator[S3Calls]:
    """Calls with a short deadline and a breaker whose clock a test moves."""
    threads = Threads("test", 4)
    together = threading.Barrier(4)
    # Their start counts against no deadline.
    list(threads.executor.map(lambda _: together.wait(), range(4)))
    calls = S3Calls(None, "bucket", threads, attempts=2, pause=0.001, deadline=0.5)  # type: ignore[arg-type]
    calls.breaker.now = lambda: 0.0
    yield calls
    store.released.set()
    threads.close()


async def test_who_reads_stops_waiting_at_the_deadline(calls: S3Calls, store: Store) -> None:
    """The error comes while the thread still hangs, and no second attempt begins after the deadline."""
    async with asyncio.timeout(FOR_EVER):
        with pytest.raises(Unavailable) as failed:
            await calls.read(store.ask)
    assert not store.released.is_set()
    assert (failed.value.cause, store.calls) == ("objects", 1)


async def test_who_writes_waits_for_its_thread(calls: S3Calls, store: Store) -> None:
    """A write that is still on its way is never left alone, so that it cannot arrive after a later one."""
    writing = asyncio.create_task(calls.ask(store.ask))
    assert await asyncio.to_thread(store.hanging.wait, FOR_EVER)
    await asyncio.wait({writing}, timeout=4 * calls.deadline)
    assert not writing.done()
    store.released.set()
    assert await writing == "answer"


async def test_a_call_that_waits_for_a_thread_is_taken_back(calls: S3Calls, store: Store) -> None:
    """What has not begun at the deadline never begins: else a thread that comes back would work for nobody."""
    held = [asyncio.create_task(calls.ask(store.ask)) for _ in range(4)]
    while store.calls < 4:
        await asyncio.sleep(0.001)
    with pytest.raises(Unavailable):
        await calls.read(store.ask)
    store.released.set()
    assert await asyncio.gather(*held) == ["answer"] * 4
    assert store.calls == 4


async def test_three_calls_in_vain_open_the_breaker(calls: S3Calls, store: Store) -> None:
    """Then no request is sent; after the pause one is, and its answer lets all others pass again."""
    for _ in range(3):
        with pytest.raises(Unavailable):
            await calls.read(store.ask)
    assert (calls.breaker.state, store.calls) == ("open", 3)
    for ask in (calls.read, calls.ask):
        with pytest.raises(Unavailable) as refused:
            await ask(store.ask)
        assert 1 <= refused.value.retry_after <= 3
    assert store.calls == 3
    store.released.set()
    calls.breaker.now = lambda: calls.breaker.pause
    assert (await calls.ask(store.ask), calls.breaker.state, store.calls) == ("answer", "closed", 4)


async def test_a_retry_that_succeeds_is_no_failure(calls: S3Calls, store: Store) -> None:
    """The breaker counts calls, not attempts: a store that drops a connection now and then stays open."""
    store.released.set()

    def flaky() -> str:
        store.calls += 1
        if store.calls % 2:
            raise EndpointConnectionError(endpoint_url="https://store")
        return "answer"

    for _ in range(6):
        calls.deadline = FOR_EVER
        assert await calls.ask(flaky) == "answer"
    assert calls.breaker.state == "closed"


async def test_a_refusal_is_an_answer(calls: S3Calls, store: Store) -> None:
    """A store that refuses works, however often it does."""
    denied = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    store.error = ClientError(denied, "GetObject")  # type: ignore[arg-type]
    for _ in range(5):
        with pytest.raises(S3Refusal):
            await calls.run(store.ask)
    assert (calls.breaker.state, store.calls) == ("closed", 5)
