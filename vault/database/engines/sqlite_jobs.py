"""Functions that wait for a thread of SQLite's, and how their callers hear of the result."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vault.database.engines.transaction import SqlTransaction


@dataclass(slots=True, eq=False)
class Job:
    """One function, and the future of whoever asked for it."""

    function: Callable[[SqlTransaction], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    @classmethod
    def of(cls, function: Callable[[SqlTransaction], Any]) -> "Job":
        """Return a job of the loop that runs now."""
        loop = asyncio.get_running_loop()
        return cls(function, loop, loop.create_future())

    def run(self, transaction: SqlTransaction) -> None:
        """Call the function and keep what it returns. Raises what it raises, but never StopIteration.

        A future refuses StopIteration, and its caller would wait for ever.
        """
        try:
            self.result = self.function(transaction)
        except StopIteration as error:
            raise RuntimeError("The function raised StopIteration.") from error

    def deliver(self) -> None:
        """Hand out the result, in the loop of the caller."""
        if self.future.done():
            return  # The caller is gone; the effect stands.
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def deliver(group: Sequence[Job]) -> None:
    """Hand out the results with one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in group:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        # A loop that was closed meanwhile has no callers left; their effects stand.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_deliver_all, jobs)


def _deliver_all(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.deliver()
