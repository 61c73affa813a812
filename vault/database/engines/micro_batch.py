"""Collects rows that arrive while the last group is being written, and writes them together.

One bad row must not take its neighbours with it. What can be foreseen (an account that does not
exist) is an answer for that row; when a whole group fails for a reason that lies in its rows, each
row is written again on its own.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from vault.errors import Unavailable, VaultError

Row = TypeVar("Row")
Result = TypeVar("Result")
_Waiting: TypeAlias = tuple[Row, asyncio.Future[Result]]
_MAX_QUEUE_LENGTH = 4096


class MicroBatch(Generic[Row, Result]):
    """At most ``writers`` groups are under way at once; nobody waits for a timer."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Awaitable[Sequence[Result | VaultError]]],
        *,
        writers: int = 2,
        largest: int = 128,
    ) -> None:
        """``write`` makes a group durable and answers row by row, in the same order."""
        self._write = write
        self._writers = writers
        self._largest = largest
        self._waiting: deque[_Waiting[Row, Result]] = deque()
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, row: Row) -> Result:
        """Write the row with others and return its own answer once it is durable.

        Raises the row's own error, or Unavailable. A cancelled caller's row is written all the same.
        """
        if len(self._waiting) >= _MAX_QUEUE_LENGTH:
            raise Unavailable("Too many writes are waiting.", retry_after=1, cause="database")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if len(self._running) < self._writers:
            self._running.add(asyncio.create_task(self._drain()))
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]
                await self._write_group(group)
        finally:
            # Between finding the queue empty and this line there is no await, so no row is left to a
            # writer that has just stopped.
            self._running.discard(asyncio.current_task())

    async def _write_group(self, group: Sequence[_Waiting[Row, Result]]) -> None:
        try:
            answers = await self._write([row for row, _ in group])
        except asyncio.CancelledError:
            _fail(group, Unavailable("The service is stopping.", cause="database"))
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait for this group
            if isinstance(error, Unavailable) or len(group) == 1:
                _fail(group, error)
                return
            for waiting in group:
                await self._write_group([waiting])
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if future.done():
                continue  # The caller is gone; the effect stands.
            if isinstance(answer, VaultError):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _fail(group: Sequence[_Waiting[Row, Result]], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)
