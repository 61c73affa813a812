"""The schedule wakes tasks at signals, and passes on only what other processes can help with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.service_house import House
from vault.database.signals import Signal, Work
from vault.worker.polling_task import PollingTask
from vault.worker.schedule import Schedule


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
