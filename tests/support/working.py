"""A worker in this process, and waits for what it does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import psycopg

from tests.support.service_house import House
from vault.worker.tasks import polling_tasks, work

_TIMEOUT = 30.0
_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()
"""
#: Work that is due at its time, with or without a signal.
_BY_TIME = {"end_sessions", "reconcile", "sign", "publish", "lease_holders"}


@asynccontextmanager
async def worker(house: House, *, poll_interval: float | None = None) -> AsyncIterator[None]:
    """Run a worker; without an interval its slow poll is off: it polls at its start and at timers."""
    stopping = asyncio.Event()
    working = asyncio.create_task(
        work(house.vault, workers=2, stopping=stopping, poll_interval=poll_interval)
    )
    try:
        yield
    finally:
        stopping.set()
        await working


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until the condition is true, which writes nothing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_TIMEOUT):
            while not await condition():
                await asyncio.sleep(0.02)
            return
    raise AssertionError(f"not within {_TIMEOUT} s: {what}")


async def due(house: House) -> set[str]:
    """Return the kinds of work that are due now."""
    jobs = [task.work for task in polling_tasks(house.vault, 1) if task.singleton]
    seconds = await house.database.read(lambda tx: tx.due_work.seconds(jobs))
    return {name for name, left in seconds.items() if left <= 0} - _BY_TIME


async def until_nothing_is_due(house: House) -> None:
    """Wait until all work is done."""

    async def done() -> bool:
        return not await due(house)

    await until(done, f"work is left over, at first {await due(house)}")


def cut_listeners(url: str) -> int:
    """End every session that listens, as a broken network does; return their number."""
    with psycopg.connect(url, autocommit=True) as connection:
        return len(connection.execute(_CUT).fetchall())
