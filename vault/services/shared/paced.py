"""Loops that decrypt rows, however many there are: other tasks run in between."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

#: Rows decrypted before the event loop gets control again: one takes 20 to 100 microseconds.
BATCH: Final = 50


class _Since:
    """What was decrypted since a loop gave the event loop control."""

    #: One count for all loops, so that many short loops inside a long one are no long step either.
    rows = 0


async def paced(rows: Iterable[T]) -> AsyncIterator[T]:
    """Yield rows to decrypt, and let other tasks run after each BATCH of them."""
    for row in rows:
        yield row
        _Since.rows += 1
        if _Since.rows >= BATCH:
            _Since.rows = 0
            await asyncio.sleep(0)
