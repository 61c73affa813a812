"""Jobs of PostgreSQL: threads with their connections, and a deadline for every job, its COMMIT included.

A COMMIT waits indefinitely for a synchronous standby; no timeout of the server ends that. So each caller stops
waiting after eight seconds, and reads, writes and urgent writes have separate threads and connections. The
threads never delay the process's exit.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from vault.database.engines.connection_check import ConnectionCheck, ConnectionNotChecked, OutOfDate
from vault.database.engines.history_guard import begin_confirmed
from vault.database.engines.postgresql_connection import VaultConnection, connect
from vault.database.engines.postgresql_hot import HotConnections
from vault.database.engines.postgresql_job import (
    ATTEMPTS,
    BACKOFF,
    IDLE_SECONDS,
    NOTHING_DONE,
    PING_SECONDS,
    UNKNOWN,
    Faults,
    GivenUp,
    Job,
    Phase,
    PoolSizes,
    failure_of,
    is_retryable,
    refuse_queue,
)
from vault.database.engines.postgresql_signals import PostgresqlSignals
from vault.database.signals import take_signals
from vault.database.sql.lease_tokens import set_holder
from vault.database.sql.postgresql_url import connection_parameters, described_host
from vault.errors import DatabaseUnfit, Unavailable
from vault.structured_log import Log
from vault.thread_pools import DaemonThreads

T = TypeVar("T")
Lane = Literal["write", "urgent", "read", "tree"]
_LOG = Log(__name__)
_LANES: Final[tuple[Lane, ...]] = ("write", "urgent", "read", "tree")
#: Seconds that running jobs have when the database is closed; then their connections are cut.
_CLOSE_SECONDS = 2.0


class PostgresqlPool:
    """The threads, their connections, and the running jobs."""

    def __init__(self, url: str, sizes: PoolSizes) -> None:
        """Connect lazily. Raises StartRefused for a URL that cannot be parsed."""
        connection_parameters(url)
        self.gate = ConnectionCheck()
        self.faults = Faults()
        self.signals = PostgresqlSignals(url)
        self._url, self._sizes, self._host = url, sizes, described_host(url)
        #: The current job of a thread, for connections that it opens.
        self._local = threading.local()
        lanes: dict[Lane, int] = {lane: getattr(sizes, lane) for lane in _LANES}
        self._engines = {lane: self._engine(lane, size) for lane, size in lanes.items()}
        self._threads = {lane: DaemonThreads(f"postgresql-{lane}", size) for lane, size in lanes.items()}
        self._running: set[Job] = set()
        self._hot: dict[asyncio.AbstractEventLoop, HotConnections] = {}
        self._closed = False

    async def run(
        self, function: Callable[[Connection], T], *, lane: Lane, guarded: bool, ends_at: float | None = None
    ) -> T:
        """Run ``function`` in a transaction on a thread of that lane; ``ends_at`` as of a job. Raises Unavailable."""
        self.signals.attach()
        while True:
            job = Job(snapshot=lane == "read", guarded=guarded, ends_at=ends_at)
            try:
                return await self._run_once(job, function, lane)
            except ConnectionNotChecked as unchecked:
                ends_at = job.ends_at
                await self.gate.wait_for_check(unchecked, seconds=job.seconds_left())

    def hot(self) -> HotConnections:
        """Return the connections for hot statements of the running event loop."""
        loop = asyncio.get_running_loop()
        if (connections := self._hot.get(loop)) is None:
            if self._closed:
                raise Unavailable("The service is stopping.", cause="database")
            for ended in [one for one in self._hot if one.is_closed()]:
                self._hot.pop(ended).close()
            connections = self._hot[loop] = HotConnections(self._url, self.gate, self.faults, self._sizes)
        return connections

    def disconnect(self) -> None:
        """Close the connections that are idle, and all connections for hot statements and signals."""
        self.signals.disconnect()
        for loop, hot in self._hot.items():
            if loop.is_running() and asyncio._get_running_loop() is not loop:  # noqa: SLF001 - public, see its docstring
                done = threading.Event()
                loop.call_soon_threadsafe(lambda hot=hot, done=done: (hot.close(), done.set()))  # type: ignore[misc]
                done.wait(_CLOSE_SECONDS)
            else:
                hot.close()
        self._hot.clear()
        for engine in self._engines.values():
            engine.dispose()

    def close(self) -> None:
        """Wait briefly for running jobs, cut the connections of the rest, and close all."""
        self._closed = True
        deadline = time.monotonic() + _CLOSE_SECONDS
        while any(not job.given_up for job in list(self._running)) and time.monotonic() < deadline:
            time.sleep(0.01)
        for job in list(self._running):
            job.give_up(cut_commit=True)
        for threads in self._threads.values():
            threads.close(seconds=max(0.3, deadline - time.monotonic()))
        self.disconnect()
        self.signals.close()

    async def _run_once(self, job: Job, function: Callable[[Connection], T], lane: Lane) -> T:
        if self._closed:
            raise Unavailable("The service is stopping.", cause="database")
        if lane != "urgent":
            refuse_queue(len(self._running))
        self._running.add(job)
        future = self._threads[lane].submit(lambda: self._work(job, function, self._engines[lane]))
        future.add_done_callback(lambda _: self._running.discard(job))
        result = asyncio.wrap_future(future)
        try:
            await _wait_until_done(result, job)
        finally:
            if result.done():
                failure = None
                _ = result.cancelled() or result.exception()  # Retrieved, in case the caller was cancelled.
            else:
                failure = self._give_up(job, future)
                result.cancel()
        if failure is not None:
            raise failure
        return result.result()

    def _give_up(self, job: Job, future: "Future[Any]") -> Unavailable:
        """Free the thread of an abandoned job, within the limit of abandoned connections; return the error."""
        if future.cancel():
            return Unavailable(NOTHING_DONE, cause="database")
        _LOG.error("database.no_answer", state=job.phase.name.lower())
        if job.phase is not Phase.COMMITTING or job.snapshot:
            self.faults.distrust()
            return job.give_up(cut_commit=job.snapshot)
        return job.give_up(cut_commit=self.faults.commit_timed_out())

    def _work(self, job: Job, function: Callable[[Connection], T], engine: Engine) -> T:
        """Run the job on this thread, with retries for retryable errors of the server."""
        self._local.job = job
        died = False
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._transact(job, function, engine)
            except GivenUp as error:
                raise Unavailable(NOTHING_DONE, cause="database") from error
            except PoolTimeoutError as error:
                raise Unavailable("No database connection is free.", cause="database") from error
            except DatabaseUnfit as error:
                _LOG.error("database.unfit", reason=error.kind)
                raise
            except (DBAPIError, psycopg.Error) as error:
                # The batch statements bypass SQLAlchemy, so their errors are the driver's.
                cause = error.orig if isinstance(error, DBAPIError) else error
                if isinstance(cause, psycopg.IntegrityError):
                    raise
                if not died and job.died_without_effect:
                    died = True
                    self.faults.distrust()
                    continue
                if not is_retryable(cause):
                    unknown = job.phase is Phase.COMMITTING and not job.snapshot
                    raise failure_of(cause, unknown=unknown, host=self._host) from error
                time.sleep(BACKOFF.after(attempt).total_seconds())
        raise Unavailable("The database is too busy; retry later.", retry_after=1, cause="database")

    def _transact(self, job: Job, function: Callable[[Connection], T], engine: Engine) -> T:
        connection = self._open(job, engine)
        driver = _driver(connection)
        set_holder(connection, self.signals.holder)
        take_signals(connection)  # Of a transaction that failed.
        try:
            with connection.begin():
                result = function(connection)
                _refuse_aborted(driver)
                job.begin_commit()
            if driver.commit_is_unknown:
                _LOG.error("database.commit_not_replicated")
                raise Unavailable(UNKNOWN, cause="database")
            driver.answered_at = time.monotonic()
            self.signals.emit(take_signals(connection))
            return result
        finally:
            job.leave(died=driver.broken)
            if job.given_up or driver.commit_is_unknown:
                connection.invalidate()
            connection.close()

    def _open(self, job: Job, engine: Engine) -> Connection:
        """Return a live connection to the accepted history. Raises ConnectionNotChecked, GivenUp, Unavailable."""
        while True:
            connection = engine.connect()
            try:
                driver = _driver(connection)
                job.use(driver)
                self._require_alive(driver)
                self.gate.check(driver, guarded=job.guarded)
                self._begin(job, driver)
            except OutOfDate:
                connection.invalidate()
                connection.close()
            except BaseException as error:
                driver = _driver(connection)
                job.leave(died=driver.broken)
                if driver.broken or (
                    isinstance(error, ConnectionNotChecked) and self.gate.was_refused(error.identity)
                ):
                    connection.invalidate()
                connection.close()
                raise
            else:
                return connection

    def _begin(self, job: Job, driver: VaultConnection) -> None:
        """Begin with a guard if one is due. Raises OutOfDate if the database is another one, and psycopg.Error."""
        if not job.guarded:
            return
        try:
            begin_confirmed(driver, self.gate)
        except OutOfDate:
            self.gate.doubt()
            self.faults.distrust()
            raise

    def _require_alive(self, driver: VaultConnection) -> None:
        """Ping a connection that was idle for some time or has a message. Raises OutOfDate if it is dead."""
        if driver.born < self.faults.distrusted_before:
            raise OutOfDate
        if time.monotonic() - driver.answered_at > IDLE_SECONDS or driver.has_input():
            if not driver.answers(PING_SECONDS):
                self.faults.distrust()
                raise OutOfDate
            driver.answered_at = time.monotonic()

    def _engine(self, lane: Lane, size: int) -> Engine:
        engine = create_engine(
            "postgresql+psycopg://",
            pool_size=size,
            max_overflow=0,
            pool_timeout=5,
            # A read sees one snapshot in all its statements, as on SQLite.
            isolation_level="REPEATABLE READ" if lane == "read" else "READ COMMITTED",
        )

        @event.listens_for(engine, "do_connect")
        def connect_lane(
            _dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]
        ) -> VaultConnection:
            job: Job = self._local.job
            connection = connect(self._url, opened=job.use, context=parameters.get("context"))
            connection.read_only = lane == "read"
            return connection

        return engine


async def _wait_until_done(result: "asyncio.Future[Any]", job: Job) -> None:
    """Wait until the job is done or its deadline has passed. A cancellation is raised only after that."""
    try:
        await asyncio.wait({result}, timeout=job.seconds_left())
    except asyncio.CancelledError:
        while not result.done() and job.seconds_left():
            # Also after a second cancellation the thread must not be left running.
            with suppress(asyncio.CancelledError):
                await asyncio.wait({result}, timeout=job.seconds_left())
        raise


def _driver(connection: Connection) -> VaultConnection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, VaultConnection)  # noqa: S101 - the engine creates no other class
    return driver


def _refuse_aborted(driver: VaultConnection) -> None:
    """Raise RuntimeError if the function ignored a database error: its COMMIT would silently roll back."""
    if driver.info.transaction_status == TransactionStatus.INERROR:
        raise RuntimeError("The function continued after a statement had failed.")
