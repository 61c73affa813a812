"""A thread of SQLite that is kept inside one function, so that later calls are queued behind it."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any


@contextlib.asynccontextmanager
async def occupied(run: Callable[[Callable[[Any], None]], Awaitable[None]]) -> AsyncIterator[None]:
    """Keep the thread of ``run``, a method that calls a function with a transaction, until the block ends."""
    inside, release = threading.Event(), threading.Event()

    def hold(_tx: Any) -> None:
        inside.set()
        release.wait()

    holding = asyncio.ensure_future(run(hold))
    await asyncio.to_thread(inside.wait)
    try:
        yield
    finally:
        release.set()
        holding.add_done_callback(lambda task: task.exception())
