"""A connection that the event loop uses itself, in libpq's pipeline mode.

Statements are prepared once for each connection. All statements of a call go to the server in one message and form one
transaction, and further calls are sent before the first one is answered. No thread, pool or SQLAlchemy is involved,
which together cost ten times the statement itself.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from vault.database.engines.history_guard import GUARD, Guard, HistoryChanged, has_changed
from vault.database.engines.postgresql_connection import VaultConnection, connect
from vault.database.sql.hot_text import HotText, decoder_of
from vault.thread_pools import DaemonThreads

#: A statement and its parameters.
Step: TypeAlias = tuple[HotText, Mapping[str, Any]]
Rows: TypeAlias = list[tuple[Any, ...]]
_BINARY: Final = 1
_ROWS: Final = ExecStatus.TUPLES_OK
_DONE: Final = ExecStatus.COMMAND_OK
_SYNC: Final = ExecStatus.PIPELINE_SYNC


class NotSent(psycopg.OperationalError):
    """The connection was closed before anything was sent: nothing was done."""


class _Call:
    """The statements sent up to one synchronisation point, and their results so far."""

    __slots__ = ("error", "expected", "future", "guard", "rows")

    def __init__(self, future: "asyncio.Future[list[Rows]]", guard: Guard | None) -> None:
        self.future = future
        self.guard = guard
        #: The statement of each result that is still to come, and whether it is the result of its PREPARE.
        self.expected: deque[tuple[HotText, bool]] = deque()
        self.rows: list[Rows] = []
        self.error: psycopg.Error | None = None


class PipelinedConnection:
    """Calls on one connection, answered in their order. Every method runs in the loop's thread."""

    def __init__(self, connection: VaultConnection, loop: asyncio.AbstractEventLoop) -> None:
        """Take over an idle connection in autocommit mode."""
        self.driver = connection
        self.closed = False
        #: When it was last known to answer, on time.monotonic().
        self.answered_at = connection.born
        self._loop = loop
        self._pg = connection.pgconn
        self._prepared: set[bytes] = set()
        self._decoders: dict[bytes, tuple[Any, ...]] = {}
        self._calls: deque[_Call] = deque()
        self._writing = False
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._socket = self._pg.socket
        loop.add_reader(self._socket, self._on_readable)

    @property
    def pending(self) -> int:
        """Return the number of calls that wait for their results."""
        return len(self._calls)

    def submit(self, steps: Sequence[Step], guard: Guard | None = None) -> "asyncio.Future[list[Rows]]":
        """Send the statements as one transaction; the future has the rows of each, after the commit.

        With ``guard``, the future raises HistoryChanged, and nothing is done, if the database is another one. Without
        statements it is a ping. Raises NotSent, and psycopg.DataError for a value that cannot be stored; the future
        raises psycopg.Error if a statement failed, and psycopg.OperationalError if the connection ended, with an
        unknown outcome.
        """
        if guard is not None:
            steps = [(GUARD, guard.values), *steps]
        parameters = [text.encode(values) for text, values in steps]
        call = _Call(self._loop.create_future(), guard)
        try:
            # Finds out that an idle connection was closed, before anything is sent.
            self._pg.consume_input()
            for (text, _), values in zip(steps, parameters, strict=True):
                if text.prepared not in self._prepared:
                    self._pg.send_prepare(text.prepared, text.text, text.oids)
                    self._prepared.add(text.prepared)
                    call.expected.append((text, True))
                self._pg.send_query_prepared(text.prepared, values, text.formats, _BINARY)
                call.expected.append((text, False))
            self._pg.pipeline_sync()
        except psycopg.Error as error:
            self._end(error)
            raise NotSent(str(error)) from error
        self._calls.append(call)
        self._flush()
        return call.future

    async def answers(self, seconds: float) -> bool:
        """Return whether the server answers in time. If not, the connection is closed."""
        with suppress(psycopg.Error, TimeoutError):
            async with asyncio.timeout(seconds):
                await self.submit([])
                return True
        self.close()
        return False

    def close(self) -> None:
        """Close the connection; calls without a result fail."""
        self._end(psycopg.OperationalError("The connection was closed."))

    def _flush(self) -> None:
        try:
            more = self._pg.flush()
        except psycopg.Error as error:
            self._end(error)
            return
        if bool(more) != self._writing:
            self._writing = bool(more)
            if more:
                self._loop.add_writer(self._socket, self._flush)
            else:
                self._loop.remove_writer(self._socket)

    def _on_readable(self) -> None:
        try:
            self._pg.consume_input()
            while self._calls and not self.closed and not self._pg.is_busy():
                result = self._pg.get_result()
                if result is not None:
                    self._take(self._calls[0], result)
            if not self.closed:
                # Notices of an idle connection.
                self._pg.is_busy()
        except psycopg.Error as error:
            self._end(error)

    def _take(self, call: _Call, result: PGresult) -> None:
        status = result.status
        if status == _SYNC:
            self._calls.popleft()
            self.answered_at = time.monotonic()
            _settle(call)
            return
        text, is_prepare = call.expected.popleft()
        if status == _ROWS:
            rows = self._read(text, result)
            if text is not GUARD:
                call.rows.append(rows)
            elif call.guard is not None:
                call.guard.confirm(rows[0][0])
        elif status == _DONE:
            if not is_prepare:
                call.rows.append([])
        else:
            if is_prepare:
                self._prepared.discard(text.prepared)
            if status == ExecStatus.FATAL_ERROR and call.error is None:
                error = error_from_result(result)
                call.error = HistoryChanged(str(error)) if text is GUARD and has_changed(error) else error

    def _read(self, text: HotText, result: PGresult) -> Rows:
        decoders = self._decoders.get(text.prepared)
        if decoders is None:
            readers = tuple(decoder_of(result.ftype(column)) for column in range(result.nfields))
            decoders = self._decoders[text.prepared] = tuple(enumerate(readers))
        get = result.get_value
        return [
            tuple(
                None if (value := get(row, column)) is None else decode(value) for column, decode in decoders
            )
            for row in range(result.ntuples)
        ]

    def _end(self, error: psycopg.Error) -> None:
        if self.closed:
            return
        self.closed = True
        with suppress(OSError, ValueError, RuntimeError):
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self.driver.close()
        while self._calls:
            call = self._calls.popleft()
            if not call.future.done():
                call.future.set_exception(call.error or _lost(error))


def _settle(call: _Call) -> None:
    if call.future.done():
        return  # The caller was cancelled.
    if call.error is not None:
        call.future.set_exception(call.error)
    else:
        call.future.set_result(call.rows)


def _lost(error: psycopg.Error) -> psycopg.OperationalError:
    """Return an error of its own for each call: a traceback grows with each task that raises the same one."""
    return psycopg.OperationalError(str(error))


async def open_pipelined(url: str, threads: DaemonThreads, *, ends_at: float) -> PipelinedConnection:
    """Connect in a thread, and check the server's settings; ``ends_at`` is on time.monotonic().

    Raises DatabaseUnfit, psycopg.Error, TimeoutError.
    """
    opened: list[VaultConnection] = []
    opening = threads.submit(lambda: connect(url, opened=opened.append))
    try:
        async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
            driver = await asyncio.shield(asyncio.wrap_future(opening))
    except (TimeoutError, asyncio.CancelledError):
        # The thread is freed, and nobody gets what it opens.
        for connection in opened:
            connection.cut()
        opening.add_done_callback(_close_late)
        raise
    return PipelinedConnection(driver, asyncio.get_running_loop())


def _close_late(opening: "Future[VaultConnection]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
