"""The threads that read from SQLite in batches: queued reads share one snapshot and one wake-up.

A thread takes its share of the queue, up to a limit, and runs it in one transaction. The snapshot is taken
after all reads of the batch were queued, so each read sees everything committed before it was requested. An
error of one function goes to its own caller; if it ended the transaction, the others get a new one.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vault.database.engines.sqlite_jobs import Job, deliver, driver_of
from vault.database.signals import Signal, take_signals
from vault.database.transaction import Transaction
from vault.errors import Unavailable
from vault.structured_log import Log

_LOG = Log(__name__)
#: Max queued reads; further ones get Unavailable.
MAX_QUEUE_LENGTH = 4096
#: Max reads in one transaction, so that a slow one delays few others.
MAX_GROUP_SIZE = 16


class Readers:
    """A pool of threads that run functions on read-only connections, one connection per thread."""

    def __init__(
        self,
        connections: Sequence[Connection],
        *,
        require: Callable[[], None] = lambda: None,
        emit: Callable[[Sequence[Signal]], None] = lambda _: None,
    ) -> None:
        """Take over connections in autocommit mode: this class sends BEGIN and ROLLBACK.

        ``require`` raises Unavailable if the file is another one: it is asked before each batch, and before its results
        are told. ``emit`` gets the signals of reads: the time at which what they found will be due.
        """
        self._emit, self._require = emit, require
        self._waiting: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(
                target=self._run, args=(connection,), name=f"sqlite-reader-{number}", daemon=True
            )
            for number, connection in enumerate(connections)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, function: Callable[[Transaction], Any]) -> Any:
        """Run ``function`` on a snapshot. Raises its errors, and Unavailable."""
        job = Job.of(function)
        with self._wake:
            if self._closing:
                raise Unavailable("The service is stopping.", cause="database")
            if len(self._waiting) >= MAX_QUEUE_LENGTH:
                raise Unavailable(
                    "Too many reads wait for the database; retry later.", retry_after=1, cause="database"
                )
            self._waiting.append(job)
            self._wake.notify()
        return await job.future

    def close(self) -> None:
        """Finish the queued reads and stop the threads."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, connection: Connection) -> None:
        driver = driver_of(connection)
        while batch := self._next_batch():
            try:
                self._require()
                _read(batch, connection, driver)
                self._require()
            except (sqlite3.Error, Unavailable) as error:
                for job in batch:
                    job.error = error if isinstance(error, Unavailable) else _unavailable(error)
            self._emit(take_signals(connection))
            deliver(batch)
        connection.close()

    def _next_batch(self) -> list[Job]:
        with self._wake:
            while not (self._waiting or self._closing):
                self._wake.wait()
            # At most a fair share, so that few reads still run in parallel.
            share = -(-len(self._waiting) // len(self._threads))
            return [self._waiting.popleft() for _ in range(min(share, MAX_GROUP_SIZE))]


def _read(batch: Sequence[Job], connection: Connection, driver: sqlite3.Connection) -> None:
    """Run a batch in one transaction. Raises sqlite3.Error if it cannot be started or ended."""
    driver.execute("BEGIN")
    transaction = Transaction(connection)
    try:
        for job in batch:
            try:
                job.run(transaction)
            except (DBAPIError, sqlite3.Error) as error:
                job.error = _unavailable(error)
            except BaseException as error:  # noqa: BLE001 - the caller receives any error
                job.error = error
            if not driver.in_transaction:
                driver.execute("BEGIN")
    finally:
        driver.execute("ROLLBACK")


def _unavailable(error: DBAPIError | sqlite3.Error) -> Unavailable:
    # Compiled statements bypass SQLAlchemy, so their errors are the driver's.
    cause = error.orig if isinstance(error, DBAPIError) else error
    _LOG.error("database.read_failed", error=type(cause).__name__)
    unavailable = Unavailable("The database could not be read.", cause="database")
    unavailable.__cause__ = error
    return unavailable
