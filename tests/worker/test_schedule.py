"""The schedule wakes tasks at signals, and passes on only what other processes can help with.

Signals wake the worker for every kind of work; the slow poll is off here, so work without a signal stays undone.

An idle worker asks the database nothing but its slow poll; and it hears again after its session was cut.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from tests.support.service_house import House
from tests.support.working import cut_listeners, until, until_nothing_is_due, worker
from vault import metrics
from vault.database.signals import Signal, Work
from vault.domain.recordings.recording import State
from vault.services.shared.row_lease import claim
from vault.worker.polling_task import PollingTask
from vault.worker.schedule import Schedule

_ME = {"actor": "key_test"}


class Busy:
    """A step that waits until the test goes on."""

    def __init__(self) -> None:
        """Start with a closed door."""
        self.polls = 0
        self.go_on = asyncio.Event()

    async def step(self) -> bool:
        """Count the poll, and wait."""
        self.polls += 1
        await self.go_on.wait()
        return False


@asynccontextmanager
async def scheduled(house: House, *tasks: PollingTask) -> AsyncIterator[Schedule]:
    """Run tasks, and return their schedule, whose slow poll does not run."""
    schedule = Schedule(house.database, house.vault.node.recovery, tasks)
    stopping = asyncio.Event()
    pollers = [asyncio.create_task(task.run(stopping)) for task in tasks for _ in range(task.concurrency)]
    await asyncio.sleep(0.01)
    try:
        yield schedule
    finally:
        stopping.set()
        await asyncio.gather(*pollers)
        schedule.close()


async def test_rows_that_every_poller_here_is_too_busy_for_are_passed_on(house: House):
    """Two pollers sleep and five rows come: three are for other processes; the sixth too."""
    busy = Busy()
    async with scheduled(
        house, PollingTask(work="ingest", step=busy.step, concurrency=2, claims=True)
    ) as one:
        assert one.receive([Signal(Work.INGEST, 5)]) == [Signal(Work.INGEST, 3)]
        await asyncio.sleep(0.01)
        assert busy.polls == 2
        assert one.receive([Signal(Work.INGEST)]) == [Signal(Work.INGEST)]
        busy.go_on.set()


async def test_work_of_one_process_at_a_time_is_passed_on_to_nobody(house: House):
    """Asleep or busy, this process polls for it after the signal."""
    busy = Busy()
    async with scheduled(house, PollingTask(work="manifests", step=busy.step, singleton=True)) as one:
        assert one.receive([Signal(Work.MANIFESTS)]) == []
        await asyncio.sleep(0.01)
        assert one.receive([Signal(Work.MANIFESTS)]) == []
        busy.go_on.set()
        await asyncio.sleep(0.01)
        assert busy.polls == 2


async def test_work_without_a_task_here_and_work_of_a_time(house: House):
    """The first is for others, the second for a timer of this process."""
    busy = Busy()
    busy.go_on.set()
    async with scheduled(house, PollingTask(work="ingest", step=busy.step, claims=True)) as one:
        assert one.receive([Signal(Work.SIGN), Signal(Work.INGEST, 1, 0.05)]) == [Signal(Work.SIGN)]
        assert busy.polls == 0
        async with asyncio.timeout(5):
            while not busy.polls:
                await asyncio.sleep(0.01)


async def test_a_stopping_worker_passes_everything_on(house: House):
    """What it gives back is for others, though its pollers sleep."""
    busy = Busy()
    async with scheduled(house, PollingTask(work="ingest", step=busy.step, claims=True)) as one:
        one.stop()
        assert one.receive([Signal(Work.INGEST)]) == [Signal(Work.INGEST)]
        assert busy.polls == 0


async def published(house: House, recording_id: str) -> bool:
    """Return whether the recording is available, and some of the log published."""
    size = await house.database.read(lambda tx: tx.object_store.published_size())
    return await house.state(recording_id) is State.AVAILABLE and size > 0


async def has(house: House, prefix: str) -> bool:
    """Return whether the object store has an object below the prefix."""
    return any(key.startswith(prefix) for key in house.objects.objects)


async def test_one_step_wakes_the_next(either: House):
    """Webhook, ingest, describe, manifest, sequence, signature, publication: each is woken by the one before."""
    async with worker(either):
        await until_nothing_is_due(either)
        recording_id = (await either.announce()).recording_id or ""
        await until(lambda: published(either, recording_id), "available, and its log published")
        await until_nothing_is_due(either)
    assert await has(either, "manifests/")


async def test_an_erasure_and_a_switch_wake_the_rest(either: House):
    """Objects are deleted, tombstones written, and the act of each is settled in the end."""
    async with worker(either):
        recording_id = (await either.announce()).recording_id or ""
        await until(lambda: published(either, recording_id), "available, and its log published")
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **_ME)

        async def erased() -> bool:
            return await either.state(recording_id) is State.ERASED and not either.audio_objects()

        await until(erased, "erased")
        await until(lambda: has(either, "tombstones/"), "its tombstone")


async def test_one_process_wakes_another(on_postgresql: House, node: House):
    """One process takes the webhook, another works: its signals come by the database."""
    async with worker(node):
        await until_nothing_is_due(node)
        recording_id = (await on_postgresql.announce()).recording_id or ""
        await until(lambda: published(on_postgresql, recording_id), "available, and its log published")
        await on_postgresql.vault.recordings.recordings.erase(on_postgresql.account.id, recording_id, **_ME)

        async def erased() -> bool:
            return await node.state(recording_id) is State.ERASED

        await until(erased, "erased")


async def test_a_lost_signal_is_found_by_the_slow_poll(either: House):
    """Nothing is delivered: the slow poll alone brings the recording in."""
    either.database.signals.emit = lambda _: None  # type: ignore[method-assign]
    async with worker(either, poll_interval=0.05):
        recording_id = (await either.announce()).recording_id or ""
        await until(lambda: published(either, recording_id), "available, and its log published")


async def test_a_row_that_was_locked_is_tried_again(on_postgresql: House, migrated_url: str):
    """A claim passes over a row that another transaction has locked, and its signal came once: there is a later one."""
    await on_postgresql.announce()
    emitted: list[Signal] = []
    on_postgresql.database.signals.emit = emitted.extend  # type: ignore[method-assign]
    with psycopg.connect(migrated_url) as holder:
        holder.execute("SELECT 1 FROM recordings FOR UPDATE")
        assert await claim(on_postgresql.database, State.RECEIVED) is None
    assert [signal.work for signal in emitted if signal.after > 0] == [Work.INGEST]
    assert await claim(on_postgresql.database, State.RECEIVED) is not None


def count_transactions(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each transaction."""
    counted: list[str] = []
    for name in ("read", "write"):
        original = getattr(house.database, name)

        async def call(*given: Any, original: Any = original, name: str = name, **named: Any) -> Any:
            counted.append(name)
            return await original(*given, **named)

        monkeypatch.setattr(house.database, name, call)
    return counted


async def test_an_idle_worker_reads_once_for_each_slow_poll(either: House, monkeypatch: pytest.MonkeyPatch):
    """22 kinds of work, and one transaction: all else waits for signals."""
    polls = metrics.POLLS.labels("schedule")._value
    async with worker(either, poll_interval=0.05):
        await until_nothing_is_due(either)
        counted = count_transactions(either, monkeypatch)

        async def quiet() -> bool:
            before, polled = len(counted), polls.get()
            await asyncio.sleep(0.5)
            # A poll may have begun on either side of the counting.
            return polls.get() - polled >= 2 and abs(len(counted) - before - (polls.get() - polled)) <= 1

        await until(quiet, "half a second with no transaction but that of the slow poll")


async def test_a_session_that_is_cut_comes_back_and_nothing_is_lost(
    on_postgresql: House, node: House, migrated_url: str, monkeypatch: pytest.MonkeyPatch
):
    """A signal that nobody heard is repaired by the poll after the connection, and later ones are heard again."""

    async def available(ref: str) -> None:
        recording_id = (await on_postgresql.announce(ref)).recording_id or ""

        async def arrived() -> bool:
            return await node.state(recording_id) is State.AVAILABLE

        if ref == "unheard":
            assert cut_listeners(migrated_url) == 1
        await until(arrived, f"{ref} available")

    async def listening() -> bool:
        return node.database.signals.holder is not None

    async with worker(node):
        await until_nothing_is_due(node)
        await until(listening, "the session that signals come by")
        with monkeypatch.context() as deaf:
            deaf.setattr(on_postgresql.database.signals, "emit", lambda _: None)
            await available("unheard")
        await available("heard")
