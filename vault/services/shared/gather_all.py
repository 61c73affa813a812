"""Waiting for several pieces of work at once: a kernel that the verbs share."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def gathered(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what each piece returned, in their order, once all have ended; then the first error is raised.

    None goes on when this has returned or raised: its caller may close what it works with.
    """
    results = await asyncio.gather(*work, return_exceptions=True)
    good: list[T] = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        good.append(result)
    return good
