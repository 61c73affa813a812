"""The one thread that writes to SQLite, in groups: what is queued shares one fsync.

Everything queued while the last commit ran goes into the next transaction, each function under its
own savepoint; nobody waits for a timer. An error of one function undoes that function alone. An
error of the database itself (a full disk, a failed COMMIT) undoes the whole group, and every caller
of the group hears Unavailable: nobody is told that something is durable which is not. The thread
outlives every error, so writes work again as soon as the database does. The last thing in each
transaction is the access log's tree, which grows over the events of the group. A crash in the middle
leaves the last commit.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from vault import metrics
from vault.database.engines.sqlite_jobs import Job, deliver
from vault.database.engines.transaction import SqlTransaction
from vault.database.log_tree.sequencer_sqlite import SqliteSequencer
from vault.database.stores.restore_leaves import HEAD_MOVED
from vault.errors import Unavailable
from vault.structured_log import Log

_LOG = Log(__name__)
#: Writes that may wait; beyond them a caller is told to come back later.
MAX_QUEUE_LENGTH = 4096
#: Writes in one transaction, so that one group's answers do not wait for a whole flood.
MAX_GROUP_SIZE = 256
#: SQLite's primary result codes that speak of the file, the disk or a lock, and not of the function.
_FAILURES = frozenset(
    {
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL,
    }
)  # fmt: skip
_PRIMARY_CODE = 0xFF


class _GroupLost(Exception):
    """The transaction is gone, so nothing of the group stands."""


class Writer:
    """Runs functions one after the other on its own connection, in groups."""

    def __init__(
        self,
        connection: Connection,
        *,
        between_groups: Callable[[], None],
        sequencer: SqliteSequencer | None = None,
    ) -> None:
        """Take over a connection in autocommit mode: BEGIN and COMMIT are said here.

        ``between_groups`` runs in the thread after each group was answered; it must not raise.
        ``sequencer`` works on the same connection; without one, no function may append events.
        """
        self._connection = connection
        self._driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        self._cursor = self._driver.cursor()
        self._between_groups = between_groups
        self._sequencer = sequencer
        self._waiting: deque[Job] = deque()
        self._urgent: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def write(self, function: Callable[[SqlTransaction], Any], *, urgent: bool) -> Any:
        """Run ``function`` and return its result after the commit that made it durable.

        Raises what the function raised, or Unavailable.
        """
        job = Job.of(function)
        with self._wake:
            if self._closing:
                raise Unavailable("The service is stopping.", cause="database")
            # Urgent writes have a queue of their own, so that a flood does not keep the switch out.
            queue = self._urgent if urgent else self._waiting
            if len(queue) >= MAX_QUEUE_LENGTH:
                raise Unavailable("Too many writes are waiting.", retry_after=1, cause="database")
            queue.append(job)
            self._wake.notify()
        return await job.future

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._commit(group)
                metrics.GROUPS.labels("write").observe(len(group))
            except BaseException as error:  # noqa: BLE001 - a dead writer would leave every later caller waiting
                self._roll_back(group, error)
            deliver(group)
            self._between_groups()

    def _next_group(self) -> list[Job]:
        with self._wake:
            while not (self._waiting or self._urgent or self._closing):
                self._wake.wait()
            group = list(self._urgent)
            self._urgent.clear()
            while self._waiting and len(group) < MAX_GROUP_SIZE:
                group.append(self._waiting.popleft())
            return group

    def _commit(self, group: list[Job]) -> None:
        self._cursor.execute("BEGIN IMMEDIATE")
        transaction = SqlTransaction(self._connection)
        for job in group:
            self._cursor.execute("SAVEPOINT job")
            try:
                job.run(transaction)
            except BaseException as error:  # It belongs to the caller, whatever it is.
                if is_failure(error):
                    raise _GroupLost from error
                job.error = _refused_by_trigger(error) or error
            # Both fail if SQLite rolled the transaction back meanwhile, or the function ended it: then
            # the savepoint is gone, and with it the group.
            if job.error is not None:
                self._cursor.execute("ROLLBACK TO job")
            self._cursor.execute("RELEASE job")
        if self._sequencer is None:
            self._cursor.execute("COMMIT")
            return
        if self._connection.info.pop(HEAD_MOVED, False):
            self._sequencer.forget_head()
        self._sequencer.sequence()
        self._cursor.execute("COMMIT")
        self._sequencer.committed()

    def _roll_back(self, group: list[Job], error: BaseException) -> None:
        cause = error.__cause__ or error
        cause = getattr(cause, "orig", None) or cause
        _LOG.error("database.group_lost", error=type(cause).__name__, count=len(group))
        if self._driver.in_transaction:
            try:
                self._cursor.execute("ROLLBACK")
            except sqlite3.Error:
                _LOG.error("database.rollback_failed")
        if self._sequencer is not None:
            self._sequencer.forget_head()
        for job in group:
            job.error = Unavailable("The database could not write; nothing was changed.", cause="database")


def is_failure(error: BaseException) -> bool:
    """Say whether the database itself failed: anything else is the function's own mistake."""
    code = _code_of(error)
    return code is not None and code & _PRIMARY_CODE in _FAILURES


def _refused_by_trigger(error: BaseException) -> Unavailable | None:
    """Return what the caller hears where a trigger raised, as an operator's guard on the log may do."""
    if _code_of(error) != sqlite3.SQLITE_CONSTRAINT_TRIGGER:
        return None
    unavailable = Unavailable("The database does not take this now.", cause="database")
    unavailable.__cause__ = error
    return unavailable


def _code_of(error: BaseException) -> int | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    return code
