"""Collects rows that arrive while the last group is being written, and writes them together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from vault.errors import Unavailable

Row = TypeVar("Row")
Result = TypeVar("Result")
_LONGEST_QUEUE = 4096


class RowGroup(Generic[Row, Result]):
    """At most ``writers`` groups are under way at once; nobody waits for a timer."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Awaitable[Sequence[Result]]],
        *,
        writers: int = 2,
        largest: int = 128,
    ) -> None:
        """``write`` makes a group durable and answers row by row, in the same order."""
        self._write = write
        self._writers = writers
        self._largest = largest
        self._waiting: deque[tuple[Row, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, row: Row) -> Result:
        """Write the row with others and return its own answer once it is durable."""
        if len(self._waiting) >= _LONGEST_QUEUE:
            raise Unavailable("Too many writes are waiting.", retry_after=1)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if len(self._running) < self._writers:
            task = asyncio.create_task(self._drain())
            self._running.add(task)
            # Between finding the queue empty and leaving the set there is no await, so no row is
            # left to a writer that has just stopped.
            task.add_done_callback(self._running.discard)
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]
            try:
                answers = await self._write([row for row, _ in group])
            except Exception as error:  # noqa: BLE001 - it belongs to everyone who waits for this group
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        current = asyncio.current_task()
        if current is not None:
            self._running.discard(current)
