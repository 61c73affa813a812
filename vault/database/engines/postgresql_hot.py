"""The hot statements of PostgreSQL: sent by the event loop itself, each call one message and one transaction.

Reads share a few connections, because none of them waits for a lock; each is a transaction of its own. A write has its
connection to itself until its outcome is known. The rules are those of ``postgresql_pool``: only connections with an
accepted history, a deadline for every call, and an unknown outcome is said to be unknown. A connection that broke is
replaced, and a read is then repeated once.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import psycopg

from vault.database.engines import postgresql_job
from vault.database.engines.connection_check import ConnectionCheck, ConnectionNotChecked, OutOfDate
from vault.database.engines.history_guard import Guard, HistoryChanged
from vault.database.engines.postgresql_job import (
    ATTEMPTS,
    BACKOFF,
    IDLE_SECONDS,
    NOTHING_DONE,
    PING_SECONDS,
    UNKNOWN,
    Faults,
    PoolSizes,
    failure_of,
    is_retryable,
    refuse_queue,
)
from vault.database.engines.postgresql_pipeline import (
    NotSent,
    PipelinedConnection,
    Rows,
    Step,
    open_pipelined,
)
from vault.database.sql.postgresql_url import described_host
from vault.errors import DatabaseUnfit, Unavailable
from vault.structured_log import Log
from vault.thread_pools import DaemonThreads

_LOG: Final = Log(__name__)
#: Calls on each connection of reads before another one is opened.
_MANY_READS: Final = 8
#: SQLSTATE of a prepared statement that the session does not have, or whose columns were changed by a migration.
_STALE_STATEMENT: Final = {"26000", "0A000"}


class _DeadlinePassed(psycopg.OperationalError):
    """The server did not answer in time."""


class HotConnections:
    """The connections of one event loop."""

    def __init__(self, url: str, gate: ConnectionCheck, faults: Faults, sizes: PoolSizes) -> None:
        """Connect lazily, from the event loop that is running now."""
        self._url, self._gate, self._faults, self._host = url, gate, faults, described_host(url)
        self._max_readers = sizes.hot_read
        self._loop = asyncio.get_running_loop()
        self._threads = DaemonThreads("postgresql-connect", 2)
        self._readers: list[PipelinedConnection] = []
        self._opening: asyncio.Task[PipelinedConnection] | None = None
        self._idle: list[PipelinedConnection] = []
        self._busy: set[PipelinedConnection] = set()
        self._free = asyncio.Semaphore(sizes.hot_write)
        self._calls = 0
        self._closed = False

    async def read(self, step: Step, *, guarded: bool) -> Rows:
        """Run one SELECT on a snapshot of its own. Raises Unavailable, Invalid."""
        ends_at = self._begin()
        try:
            for last in (False, True):
                connection = await self._reader(ends_at, guarded=guarded)
                try:
                    return (await self._finish(connection, [step], ends_at, guarded=guarded))[0]
                except _DeadlinePassed as error:
                    raise Unavailable(NOTHING_DONE, cause="database") from error
                except HistoryChanged as error:
                    self._doubt(connection)
                    if last:
                        raise Unavailable(NOTHING_DONE, cause="database") from error
                except psycopg.Error as error:
                    stale = self._end_stale(connection, error)
                    if last or not (stale or connection.closed):
                        raise failure_of(error, unknown=False, host=self._host) from error
                    self._faults.distrust()
            raise AssertionError  # Not reached: the last attempt returns or raises.
        finally:
            self._calls -= 1

    async def write(self, steps: Sequence[Step], *, guarded: bool) -> list[Rows]:
        """Run the statements in one transaction; return the rows of each once it is durable.

        Raises Unavailable, Invalid, and psycopg.IntegrityError.
        """
        ends_at = self._begin()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                connection = await self._writer(ends_at, guarded=guarded)
                try:
                    return await self._finish(connection, steps, ends_at, guarded=guarded)
                except _DeadlinePassed as error:
                    raise Unavailable(UNKNOWN, cause="database") from error
                except HistoryChanged:
                    self._doubt(connection)
                    continue
                except NotSent:
                    self._faults.distrust()
                    continue
                except psycopg.IntegrityError:
                    raise
                except psycopg.Error as error:
                    # The server answered an error, so the transaction was rolled back; else nobody knows.
                    if not (self._end_stale(connection, error) or is_retryable(error)):
                        raise failure_of(error, unknown=connection.closed, host=self._host) from error
                await asyncio.sleep(BACKOFF.after(attempt).total_seconds())
            raise Unavailable("The database is too busy; retry later.", retry_after=1, cause="database")
        finally:
            self._calls -= 1

    def close(self) -> None:
        """Close the connections; calls that wait get their errors."""
        self._closed = True
        for connection in (*self._readers, *self._idle, *self._busy):
            connection.close()
        self._threads.close(seconds=0)

    def _begin(self) -> float:
        if self._closed:
            raise Unavailable("The service is stopping.", cause="database")
        refuse_queue(self._calls)
        self._calls += 1
        return time.monotonic() + postgresql_job.DEADLINE

    def _end_stale(self, connection: PipelinedConnection, error: psycopg.Error) -> bool:
        """Close the connection if its prepared statements cannot be used any more; return whether it was so."""
        stale = error.sqlstate in _STALE_STATEMENT
        if stale:
            connection.close()
        return stale

    def _doubt(self, connection: PipelinedConnection) -> None:
        """Check the history again before anything runs, on new connections."""
        self._gate.doubt()
        self._faults.distrust()
        connection.close()

    async def _finish(
        self, connection: PipelinedConnection, steps: Sequence[Step], ends_at: float, *, guarded: bool
    ) -> list[Rows]:
        """Send the steps and wait for their rows. A writer returns to its pool when the server has answered."""
        writes = connection in self._busy
        try:
            guard = Guard.due_on(connection.driver, self._gate) if guarded else None
            future = connection.submit(steps, guard)
        except BaseException:
            if writes:
                self._put_back(connection)
            raise
        if writes:
            future.add_done_callback(lambda _: self._put_back(connection))
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(max(0.0, ends_at - time.monotonic()), _wake, waiter)
        future.add_done_callback(lambda _: _wake(waiter))
        try:
            await waiter
        finally:
            timer.cancel()
            if not future.done():
                # Also if the caller was cancelled: what was sent is done, and its result is for nobody.
                future.add_done_callback(_retrieve)
        if future.done():
            rows = future.result()
            if writes and connection.driver.commit_is_unknown:
                _LOG.error("database.commit_not_replicated")
                connection.close()
                raise Unavailable(UNKNOWN, cause="database")
            return rows
        self._give_up(connection, writes=writes)
        raise _DeadlinePassed

    def _give_up(self, connection: PipelinedConnection, *, writes: bool) -> None:
        _LOG.error("database.no_answer", state="committing" if writes else "working")
        if not writes:
            self._faults.distrust()
        elif not self._faults.commit_timed_out():
            return  # It stays busy until the server answers.
        connection.close()

    def _put_back(self, connection: PipelinedConnection) -> None:
        self._busy.discard(connection)
        self._free.release()
        if not connection.closed and not connection.driver.commit_is_unknown:
            self._idle.append(connection)
        elif not connection.closed:
            connection.close()

    async def _reader(self, ends_at: float, *, guarded: bool) -> PipelinedConnection:
        while True:
            self._readers = [one for one in self._readers if not one.closed]
            least = min(self._readers, key=lambda one: one.pending, default=None)
            if least is None or (least.pending >= _MANY_READS and len(self._readers) < self._max_readers):
                if self._opening is None or self._opening.done():
                    self._opening = asyncio.create_task(self._open(ends_at))
                    self._opening.add_done_callback(self._add_reader)
                if least is None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
                            await asyncio.shield(self._opening)
                    if time.monotonic() >= ends_at:
                        raise Unavailable(NOTHING_DONE, cause="database")
                    continue
            if await self._is_usable(least, ends_at, guarded=guarded):
                return least

    def _add_reader(self, opening: "asyncio.Task[PipelinedConnection]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            if self._closed:
                opening.result().close()
            else:
                self._readers.append(opening.result())

    async def _writer(self, ends_at: float, *, guarded: bool) -> PipelinedConnection:
        if self._free.locked():
            try:
                async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
                    await self._free.acquire()
            except TimeoutError as error:
                raise Unavailable(NOTHING_DONE, cause="database") from error
        else:
            await self._free.acquire()
        try:
            while True:
                connection = self._idle.pop() if self._idle else await self._open(ends_at)
                try:
                    usable = await self._is_usable(connection, ends_at, guarded=guarded)
                except BaseException:
                    if not connection.closed:
                        self._idle.append(connection)
                    raise
                if usable:
                    self._busy.add(connection)
                    return connection
        except BaseException:
            self._free.release()
            raise

    async def _is_usable(self, connection: PipelinedConnection, ends_at: float, *, guarded: bool) -> bool:
        """Return whether the connection lives and has the accepted history; else it is closed.

        Raises Unavailable if the check of a new history fails.
        """
        if connection.closed:
            return False
        if not connection.pending:
            if connection.driver.born < self._faults.distrusted_before:
                connection.close()
                return False
            idle = time.monotonic() - connection.answered_at > IDLE_SECONDS
            if idle and not await connection.answers(PING_SECONDS):
                self._faults.distrust()
                return False
        while True:
            try:
                self._gate.check(connection.driver, guarded=guarded)
            except OutOfDate:
                connection.close()
                return False
            except ConnectionNotChecked as unchecked:
                if self._gate.was_refused(unchecked.identity):
                    connection.close()
                await self._gate.wait_for_check(unchecked, seconds=max(0.0, ends_at - time.monotonic()))
            else:
                return not connection.closed

    async def _open(self, ends_at: float) -> PipelinedConnection:
        try:
            return await open_pipelined(self._url, self._threads, ends_at=ends_at)
        except DatabaseUnfit as error:
            _LOG.error("database.unfit", reason=error.kind)
            raise
        except psycopg.Error as error:
            raise failure_of(error, unknown=False, host=self._host) from error
        except TimeoutError as error:
            raise Unavailable(NOTHING_DONE, cause="database") from error


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _retrieve(future: "asyncio.Future[list[Rows]]") -> None:
    if not future.cancelled():
        future.exception()
