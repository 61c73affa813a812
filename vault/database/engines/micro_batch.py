"""Collect the rows that arrive while the last batch is being written, and write them in one batch.

One bad row must not fail the others of its batch. Expected errors (an account that does not exist) are
the result of that row; when a whole batch fails because of its rows, each row is written again separately.
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
    """Batches of rows, at most ``writers`` of them concurrently; only rows with a delay wait for a timer."""

    def __init__(
        self,
        write: Callable[[Sequence[Row]], Awaitable[Sequence[Result | VaultError]]],
        *,
        writers: int = 2,
        largest: int = 128,
    ) -> None:
        """Start empty. ``write`` makes a batch durable and returns one result per row, in the same order."""
        self._write = write
        self._writers = writers
        self._largest = largest
        self._waiting: deque[_Waiting[Row, Result]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        #: Whether a row waits that is not, or no longer, delayed.
        self._wanted = False

    async def add(self, row: Row, *, delay: float = 0.0) -> Result:
        """Write the row in a batch and return its own result once it is durable.

        With ``delay`` it waits that many seconds for another row, if none is being written. Raises the row's own
        error, or Unavailable. The row of a cancelled caller is still written.
        """
        if len(self._waiting) >= _MAX_QUEUE_LENGTH:
            raise Unavailable(
                "Too many writes wait for the database; retry later.", retry_after=1, cause="database"
            )
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, future))
        if delay:
            asyncio.get_running_loop().call_later(delay, self._start)
        else:
            self._start()
        return await future

    def _start(self) -> None:
        self._wanted = bool(self._waiting)
        if self._wanted and len(self._running) < self._writers:
            self._running.add(asyncio.create_task(self._drain()))

    async def _drain(self) -> None:
        try:
            while self._wanted:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._largest))]
                self._wanted = bool(self._waiting)
                await self._write_batch(batch)
        finally:
            # There is no await between finding the queue empty and this line, so no row can be queued for a
            # task that has just stopped.
            self._running.discard(asyncio.current_task())

    async def _write_batch(self, batch: Sequence[_Waiting[Row, Result]]) -> None:
        try:
            answers = await self._write([row for row, _ in batch])
        except asyncio.CancelledError:
            _fail(batch, Unavailable("The service is stopping.", cause="database"))
            raise
        except Exception as error:  # noqa: BLE001 - the callers of this batch receive it
            if isinstance(error, Unavailable) or len(batch) == 1:
                _fail(batch, error)
                return
            for waiting in batch:
                await self._write_batch([waiting])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue  # The caller was cancelled; the row is written.
            if isinstance(answer, VaultError):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _fail(batch: Sequence[_Waiting[Row, Result]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
