"""The threads that read from SQLite, in groups: what is queued shares one snapshot and one wake-up.

A thread takes its share of what is queued, up to a limit, and runs it in one transaction. The snapshot is taken after
everything in the group was asked for, so each function sees whatever had been committed when it was asked.
An error of one function is its own caller's; if it ended the transaction, the others get a new one.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vault.database.engines.sqlite_jobs import Job, deliver
from vault.database.engines.transaction import SqlTransaction
from vault.errors import Unavailable
from vault.structured_log import Log

_LOG = Log(__name__)
#: Reads that may wait; beyond them a caller is told to come back later.
MAX_QUEUE_LENGTH = 4096
#: Reads in one transaction, so that a long one keeps few others waiting.
MAX_GROUP_SIZE = 16


class Readers:
    """Runs functions on read-only connections, one thread for each."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        """Take over connections in autocommit mode: BEGIN and ROLLBACK are said here."""
        self._waiting: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(one,), name=f"sqlite-reader-{number}", daemon=True)
            for number, one in enumerate(connections)
        ]
        for thread in self._threads:
            thread.start()

    async def read(self, function: Callable[[SqlTransaction], Any]) -> Any:
        """Run ``function`` on a snapshot. Raises what it raises, or Unavailable."""
        job = Job.of(function)
        with self._wake:
            if self._closing:
                raise Unavailable("The service is stopping.", cause="database")
            if len(self._waiting) >= MAX_QUEUE_LENGTH:
                raise Unavailable("Too many reads are waiting.", retry_after=1, cause="database")
            self._waiting.append(job)
            self._wake.notify()
        return await job.future

    def close(self) -> None:
        """Finish what is queued and end the threads."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, connection: Connection) -> None:
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        while group := self._next_group():
            try:
                _read(group, connection, driver)
            except sqlite3.Error as error:
                for job in group:
                    job.error = _unavailable(error)
            deliver(group)
        connection.close()

    def _next_group(self) -> list[Job]:
        with self._wake:
            while not (self._waiting or self._closing):
                self._wake.wait()
            # No more than a fair share, so that a few reads are read beside each other.
            share = -(-len(self._waiting) // len(self._threads))
            return [self._waiting.popleft() for _ in range(min(share, MAX_GROUP_SIZE))]


def _read(group: Sequence[Job], connection: Connection, driver: sqlite3.Connection) -> None:
    """Run the group in one transaction. Raises sqlite3.Error if it cannot be begun or ended."""
    driver.execute("BEGIN")
    transaction = SqlTransaction(connection)
    try:
        for job in group:
            try:
                job.run(transaction)
            except (DBAPIError, sqlite3.Error) as error:
                job.error = _unavailable(error)
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, whatever it is
                job.error = error
            if not driver.in_transaction:
                driver.execute("BEGIN")
    finally:
        driver.execute("ROLLBACK")


def _unavailable(error: DBAPIError | sqlite3.Error) -> Unavailable:
    # Compiled statements go to the driver itself, past SQLAlchemy's own errors.
    cause = error.orig if isinstance(error, DBAPIError) else error
    _LOG.error("database.read_failed", error=type(cause).__name__)
    unavailable = Unavailable("The database could not be read.", cause="database")
    unavailable.__cause__ = error
    return unavailable
