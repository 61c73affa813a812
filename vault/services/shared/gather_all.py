"""Run several coroutines concurrently and wait until all have ended."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")


async def gathered(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order once all coroutines have ended, or raise the first error.

    No coroutine still runs when this returns or raises, so the caller may close their resources.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    good: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        good.append(result)
    return good


async def gathered_ahead(
    batches: AsyncIterator[Sequence[Item]], work: Callable[[Item], Coroutine[Any, Any, T]], *, ahead: int
) -> AsyncGenerator[list[T]]:
    """Yield the results of each batch in order; meanwhile the work on ``ahead`` batches more goes on.

    Raises the first error of the batch that is next. Close it (``aclosing``): after that no coroutine still runs.
    """
    running = deque[asyncio.Task[list[T]]]()
    try:
        async for batch in batches:
            running.append(asyncio.create_task(gathered([work(item) for item in batch])))
            if len(running) > ahead:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
