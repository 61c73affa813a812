"""Run several coroutines concurrently and wait until all have ended."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


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
