"""Functions queued for a SQLite thread, and the delivery of their results; the driver that they work with."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from vault.database.transaction import Transaction


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's connection below SQLAlchemy's."""
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    return driver


@dataclass(slots=True, eq=False)
class Job:
    """One function, and its caller's future."""

    function: Callable[[Transaction], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    @classmethod
    def of(cls, function: Callable[[Transaction], Any]) -> "Job":
        """Create a job for the running event loop."""
        loop = asyncio.get_running_loop()
        return cls(function, loop, loop.create_future())

    def run(self, transaction: Transaction) -> None:
        """Call the function and store its result. Raises its errors, but RuntimeError for StopIteration.

        A future refuses StopIteration, and its caller would wait forever.
        """
        try:
            self.result = self.function(transaction)
        except StopIteration as error:
            raise RuntimeError("The function raised StopIteration.") from error

    def deliver(self) -> None:
        """Set the future's result. Must run in the caller's event loop."""
        if self.future.done():
            return  # The caller was cancelled; the function's effect stays.
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def deliver(batch: Sequence[Job]) -> None:
    """Deliver the results of a batch with one wake-up per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in batch:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, jobs in by_loop.items():
        # A closed event loop has no callers left; the functions' effects stay.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_deliver_all, jobs)


def _deliver_all(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.deliver()
