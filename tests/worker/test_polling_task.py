"""A task polls when it is woken, as many pollers as there are rows, and sleeps again after an empty poll."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vault.errors import Unavailable
from vault.worker.polling_task import PollingTask


class Rows:
    """Rows that steps take, one each, and the number of polls."""

    def __init__(self) -> None:
        """Start without rows."""
        self.waiting = self.polls = self.done = 0
        self.running = self.most_running = 0
        #: Cleared: a step that took a row waits.
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def take(self) -> bool:
        """Take one row."""
        self.polls += 1
        if not self.waiting:
            return False
        self.waiting -= 1
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await self.go_on.wait()
        self.running -= 1
        self.done += 1
        return True


@asynccontextmanager
async def running(task: PollingTask) -> AsyncIterator[None]:
    """Run a task's pollers, and stop them at the end."""
    stopping = asyncio.Event()
    pollers = [asyncio.create_task(task.run(stopping)) for _ in range(task.concurrency)]
    await quiet()
    try:
        yield
    finally:
        stopping.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*pollers)


async def quiet() -> None:
    """Let everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_nothing_is_polled_without_a_signal():
    """Four pollers and no signal: not one poll."""
    rows = Rows()
    async with running(PollingTask(work="test", step=rows.take, concurrency=4)):
        await asyncio.sleep(0.05)
        assert rows.polls == 0


async def test_a_signal_wakes_as_many_pollers_as_it_names_rows():
    """One row: one poller, whose second poll finds nothing. Three rows: three concurrently."""
    rows = Rows()
    task = PollingTask(work="test", step=rows.take, concurrency=4)
    async with running(task):
        rows.waiting = 1
        assert task.wake(1) == 1
        await quiet()
        assert (rows.done, rows.polls) == (1, 2)
        rows.waiting, rows.go_on = 3, asyncio.Event()
        assert task.wake(3) == 3
        await quiet()
        assert rows.running == 3
        rows.go_on.set()
        await quiet()
        assert (rows.done, rows.waiting) == (4, 0)


async def test_a_signal_while_every_poller_is_busy_is_not_lost():
    """The row comes after the last poll has begun: the poller polls once more."""
    rows, begun = Rows(), asyncio.Event()

    async def late() -> bool:
        if not begun.is_set():
            begun.set()
            await rows.go_on.wait()
            return False
        return await rows.take()

    rows.go_on.clear()
    task = PollingTask(work="test", step=late)
    async with running(task):
        task.wake()
        await begun.wait()
        rows.waiting = 1
        assert task.wake() == 0
        rows.go_on.set()
        await quiet()
        assert rows.done == 1


async def test_signals_that_a_busy_poller_serves_cause_no_further_polls():
    """A hundred signals for rows that one poller takes: one poll that finds nothing at the end, not a hundred."""
    rows = Rows()
    task = PollingTask(work="test", step=rows.take, concurrency=2)
    async with running(task):
        rows.waiting = 100
        for _ in range(100):
            task.wake()
        await quiet()
        while rows.waiting:
            await quiet()
        assert (rows.done, rows.polls) == (100, 102)


async def test_without_signals_it_polls_at_its_interval():
    """``max_sleep`` is the net of the slow poll itself."""
    rows = Rows()
    async with running(PollingTask(work="test", step=rows.take, max_sleep=0.01)):
        async with asyncio.timeout(5):
            while rows.polls < 3:
                await asyncio.sleep(0.01)


async def test_no_error_of_a_step_ends_the_polling():
    """A part that does not answer and a mistake of ours are waited out, without another signal."""
    errors = [Unavailable("no"), KeyError("x"), None]
    ended = asyncio.Event()

    async def step() -> bool:
        if (error := errors.pop(0)) is not None:
            raise error
        ended.set()
        return False

    task = PollingTask(work="test", step=step, error_backoff=0.01)
    async with running(task):
        task.wake()
        async with asyncio.timeout(5):
            await ended.wait()
    assert errors == []


async def test_who_works_only_for_others_leaves_a_signal_to_other_processes():
    """Two pollers of three are for accounts that have none: what they may not find, another process hears of too."""
    rows = Rows()
    rows.go_on.clear()
    task = PollingTask(work="test", step=rows.take, concurrency=3, for_others=2)
    async with running(task):
        rows.waiting = 1
        assert task.wake(1) == 1
        await quiet()
        assert (rows.running, task.wake(1)) == (1, 0)
        await quiet()
        # It has looked, too: what was signalled may be for it.
        assert rows.polls == 2
        assert task.wake(3) == 0
        rows.go_on.set()
