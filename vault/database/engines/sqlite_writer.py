"""The one thread that writes to SQLite, in batches: queued writes share one fsync.

All functions queued while the last commit ran go into the next transaction, each under its own savepoint;
no write waits for a timer. An error of one function rolls back only that function. An error of the database
itself (a full disk, a failed COMMIT) rolls back the whole batch, and every caller of the batch gets
Unavailable: no caller gets a result that is not durable. The thread survives every error, so writes work
again as soon as the database does. The last step of each transaction extends the access log's tree by the
events of the batch. After a crash the database has the last commit.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vault import metrics
from vault.database.engines.sqlite_jobs import Job, deliver, driver_of
from vault.database.log_tree.sequencer_sqlite import SqliteSequencer
from vault.database.signals import Signal, take_signals
from vault.database.stores.backup.restore_leaves import HEAD_MOVED
from vault.database.transaction import Transaction
from vault.errors import DatabaseUnfit, Unavailable
from vault.structured_log import Log

_LOG = Log(__name__)
#: Max queued writes; further ones get Unavailable.
MAX_QUEUE_LENGTH = 4096
#: Max writes in one transaction, so that the callers of a batch do not wait for a very long one.
MAX_GROUP_SIZE = 256
#: SQLite's primary result codes about the file, the disk or a lock, not about the function.
_FAILURES = frozenset(
    {
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
    }
)  # fmt: skip
_PRIMARY_CODE = 0xFF
#: Those that say that the disk takes no bytes.
_DISK_FAILURES = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


class _BatchLost(Exception):
    """The transaction was rolled back, so nothing of the batch is written."""


class Writer:
    """A thread that runs functions serially on its own connection, in batches."""

    def __init__(
        self,
        connection: Connection,
        *,
        between_groups: Callable[[], None],
        sequencer: SqliteSequencer | None = None,
        require: Callable[[], None] = lambda: None,
        emit: Callable[[Sequence[Signal]], None] = lambda _: None,
    ) -> None:
        """Take over a connection in autocommit mode: this class sends BEGIN and COMMIT.

        ``between_groups`` runs in the thread after the results of each batch are delivered; it must not raise.
        ``sequencer`` works on the same connection; without one, no function may append events. ``require``
        raises Unavailable if the file is another one: it is asked before each batch, and before its results are told.
        ``emit`` gets the signals of each committed batch.
        """
        #: Whether the disk has refused a batch. Who made sure that it writes again sets it to False.
        self.disk_failed = False
        self._connection = connection
        self._driver = driver_of(connection)
        self._cursor = self._driver.cursor()
        self._between_groups = between_groups
        self._sequencer = sequencer
        self._require = require
        self._emit = emit
        self._waiting: deque[Job] = deque()
        self._urgent: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, function: Callable[[Transaction], Any], *, urgent: bool) -> Any:
        """Run ``function`` and return its result after the commit that made it durable.

        Raises the function's errors, and Unavailable.
        """
        job = Job.of(function)
        with self._wake:
            if self._closing:
                raise Unavailable("The service is stopping.", cause="database")
            # Urgent writes have their own queue, so that many other writes cannot delay the recording switch.
            queue = self._urgent if urgent else self._waiting
            if len(queue) >= MAX_QUEUE_LENGTH:
                raise Unavailable(
                    "Too many writes wait for the database; retry later.", retry_after=1, cause="database"
                )
            queue.append(job)
            self._wake.notify()
        return await job.future

    def close(self) -> None:
        """Finish the queued writes and stop the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._commit(batch)
                metrics.GROUPS.labels("write").observe(len(batch))
            except BaseException as error:  # noqa: BLE001 - without the thread every later caller would wait forever
                self._roll_back(batch, error)
                take_signals(self._connection)
            self._emit(take_signals(self._connection))
            deliver(batch)
            self._between_groups()

    def _next_batch(self) -> list[Job]:
        with self._wake:
            while not (self._waiting or self._urgent or self._closing):
                self._wake.wait()
            batch = list(self._urgent)
            self._urgent.clear()
            while self._waiting and len(batch) < MAX_GROUP_SIZE:
                batch.append(self._waiting.popleft())
            return batch

    def _commit(self, batch: list[Job]) -> None:
        self._require()
        self._cursor.execute("BEGIN IMMEDIATE")
        transaction = Transaction(self._connection)
        for job in batch:
            self._cursor.execute("SAVEPOINT job")
            try:
                job.run(transaction)
            except BaseException as error:  # The caller receives any error.
                if is_failure(error):
                    raise _BatchLost from error
                job.error = _refused_by_trigger(error) or error
            # Both fail if SQLite rolled the transaction back, or the function ended it: then the savepoint
            # does not exist any more, and the batch is lost.
            if job.error is not None:
                self._cursor.execute("ROLLBACK TO job")
            self._cursor.execute("RELEASE job")
        if self._sequencer is None:
            self._cursor.execute("COMMIT")
            self._require()
            return
        if self._connection.info.pop(HEAD_MOVED, False):
            self._sequencer.forget_head()
        self._sequencer.sequence()
        self._cursor.execute("COMMIT")
        self._sequencer.committed()
        self._require()

    def _roll_back(self, batch: list[Job], error: BaseException) -> None:
        cause = error.__cause__ or error
        cause = getattr(cause, "orig", None) or cause
        self.disk_failed |= (_code_of(cause) or 0) & _PRIMARY_CODE in _DISK_FAILURES
        if not isinstance(error, DatabaseUnfit):
            _LOG.error("database.group_lost", error=type(cause).__name__, count=len(batch))
        if self._driver.in_transaction:
            try:
                self._cursor.execute("ROLLBACK")
            except sqlite3.Error:
                _LOG.error("database.rollback_failed")
        if self._sequencer is not None:
            self._sequencer.forget_head()
        for job in batch:
            job.error = (
                error
                if isinstance(error, DatabaseUnfit)
                else Unavailable("The database could not write; nothing was changed.", cause="database")
            )


def is_failure(error: BaseException) -> bool:
    """Return whether the database itself failed; any other error is the function's."""
    code = _code_of(error)
    return code is not None and code & _PRIMARY_CODE in _FAILURES


def _refused_by_trigger(error: BaseException) -> Unavailable | None:
    """Return the caller's error if a trigger raised, such as an operator's guard on the log; else None."""
    if _code_of(error) != sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return None
    unavailable = Unavailable("A trigger in the database refused this write.", cause="database")
    unavailable.__cause__ = error
    return unavailable


def _code_of(error: BaseException) -> int | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    return code
