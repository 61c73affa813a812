"""Signals between the processes on one PostgreSQL database, and the lock that shows that a process is alive.

The server serializes commits with a NOTIFY, for all databases. So a notification is a statement of its own after the
commit, one for all signals of some milliseconds, and no caller waits for it. A worker listens on a session of its own,
which also holds the advisory lock of its number (``sql/lease_tokens.py``): while the session lives, nobody takes its
leases early. Neither works through a pooler in transaction mode; then workers poll every second and leases expire.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection

from vault.backoff import Backoff
from vault.database.engines.postgresql_connection import CONNECT, cut
from vault.database.signals import Receiver, Signal, Signals, Work
from vault.database.sql.postgresql_url import connection_parameters
from vault.structured_log import Log

_LOG = Log(__name__)
_CHANNEL: Final = "callvault"
_NOTIFY: Final = "SELECT pg_notify(%s, %s)"
#: Seconds between two notifications of a process.
_SEND_INTERVAL: Final = 0.02
#: Max seconds that a stopping process waits for its last notification.
_FLUSH_TIMEOUT: Final = 2.0
#: Timeout in seconds for connecting and for each statement.
_TIMEOUT: Final = 5.0
#: After failed connections.
_BACKOFF: Final = Backoff(first=timedelta(seconds=0.25), most=timedelta(seconds=10))
#: Until a worker behind a pooler tries again.
_POOLER_BACKOFF: Final = Backoff(first=timedelta(minutes=5), most=timedelta(minutes=5))
#: A session that a broken network left behind on the server would end later, and the lock with it.
_END_STALE: Final = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND pid <> pg_backend_pid()
  AND (classid::bigint << 32) | objid::bigint = %s
"""
_WORK: Final = frozenset(str(work) for work in Work)
_LOST: Final = (psycopg.Error, OSError, TimeoutError)


class _PooledError(Exception):
    """The connection is not a session of the server: a pooler shares it."""


class PostgresqlSignals(Signals):
    """Signals to and from other processes too."""

    def __init__(self, url: str) -> None:
        """Connect on first use."""
        super().__init__()
        #: This process's number while its session holds the lock, for tokens of leases; None before and after.
        self.holder: int | None = None
        self._number = secrets.randbits(62)
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unsent: Counter[Work] = Counter()
        self._sending: asyncio.Task[None] | None = None
        # The sending connection, at most one: it is here, or with the task that sends.
        self._idle: list[AsyncConnection[Any]] = []
        self._busy: AsyncConnection[Any] | None = None
        self._closed = False
        self._listening: asyncio.Task[None] | None = None
        self._warned = False

    def attach(self) -> None:
        """Send from the running event loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._sending = loop, None
            self.disconnect()

    def emit(self, signals: Sequence[Signal]) -> None:
        """Deliver signals to this process's worker, and what it leaves to others."""
        if signals and self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._dispatch, signals)

    @asynccontextmanager
    async def delivered_to(self, receiver: Receiver) -> AsyncIterator[None]:
        """Deliver signals of this and other processes to ``receiver`` in the running event loop."""
        self.attach()
        async with super().delivered_to(receiver):
            if self._listening is not None:
                yield
                return
            self._listening = asyncio.create_task(self._listen())
            try:
                yield
            finally:
                self._listening.cancel()
                await asyncio.wait({self._listening})
                self._listening = None
                # What a stopping worker gives back, other processes begin immediately.
                await self.flush()

    async def flush(self) -> None:
        """Wait until other processes are notified, but not for long."""
        # Signals of commits until now are dispatched by the loop after this.
        await asyncio.sleep(0)
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=_FLUSH_TIMEOUT)

    def close(self) -> None:
        """Close the sending connection; what is unsent is lost. Callable from any thread."""
        self._closed = True
        self._unsent.clear()
        if self._sending is not None and self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._sending.cancel)
        self.disconnect()

    def _dispatch(self, signals: Sequence[Signal]) -> None:
        remaining: Iterable[Signal] = signals
        for receiver in list(self._receivers):
            remaining = receiver.receive(remaining)
        for signal in remaining:
            if not signal.after:
                self._unsent[signal.work] += signal.number
        if self._unsent and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        """Send what is unsent; while the database does not answer, it is dropped."""
        failures = 0
        while self._unsent:
            counts = " ".join(f"{work}={count}" for work, count in self._unsent.items())
            self._unsent.clear()
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._notify(f"{self._number} {counts}")
            except _LOST:
                failures += 1
                await asyncio.sleep(_BACKOFF.after(failures).total_seconds())
                # Long ago by now: workers have polled.
                self._unsent.clear()
            else:
                await asyncio.sleep(_SEND_INTERVAL)

    async def _notify(self, payload: str) -> None:
        sender = self._busy = self._taken() or await self._connect()
        try:
            await sender.execute(_NOTIFY, (_CHANNEL, payload))
        except BaseException:
            sender.pgconn.finish()
            raise
        else:
            self._idle.append(sender)
        finally:
            self._busy = None
        if self._closed:
            self.disconnect()

    def _taken(self) -> AsyncConnection[Any] | None:
        # Asked for and removed at once: another thread may disconnect.
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def disconnect(self) -> None:
        """End the sending session; the next signal opens another. A notification under way may be lost."""
        if (idle := self._taken()) is not None:
            idle.pgconn.finish()
        elif (busy := self._busy) is not None:
            cut(busy.pgconn)

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with asyncio.timeout(_TIMEOUT):
                    session = await self._session()
            except _PooledError:
                if not self._warned:
                    self._warned = True
                    _LOG.warning("database.signals_pooled", seconds=1.0)
                self._connected(remote=False)
                wait = _POOLER_BACKOFF.after(1).total_seconds()
            except _LOST as error:
                _LOG.info("database.signals_lost", error=type(error).__name__)
                self._connected(remote=False)
                failures += 1
                wait = _BACKOFF.after(failures).total_seconds()
            else:
                await self._hear(session)
                # The first attempt to connect again is immediate: nobody may take this process for dead.
                failures, wait = 0, 0.0
            await asyncio.sleep(wait)

    async def _session(self) -> AsyncConnection[Any]:
        """Return a session that listens and holds the lock. Raises what ``_LOST`` names, and _PooledError."""
        session = await self._connect()
        try:
            await _refuse_pooled(session)
            await session.execute(_END_STALE, (self._number,))
            await session.execute("SELECT pg_advisory_lock(%s)", (self._number,))
            await session.execute(f"LISTEN {_CHANNEL}")
        except BaseException:
            session.pgconn.finish()
            raise
        return session

    async def _hear(self, session: AsyncConnection[Any]) -> None:
        """Deliver notifications until the session is lost."""
        self.holder = self._number
        self._connected(remote=True)
        try:
            while True:
                # What arrived with the answer to LISTEN is covered by the poll at the connection.
                session.pgconn.consume_input()
                while (notification := session.pgconn.notifies()) is not None:
                    signals = _parse(notification.extra.decode(), but=self._number)
                    for receiver in list(self._receivers):
                        receiver.receive(signals)
                await _readable(session)
        except _LOST as error:
            _LOG.info("database.signals_lost", error=type(error).__name__)
        finally:
            self.holder = None
            session.pgconn.finish()

    def _connected(self, *, remote: bool) -> None:
        for receiver in list(self._receivers):
            receiver.connected(remote=remote)

    async def _connect(self) -> AsyncConnection[Any]:
        parameters: dict[str, Any] = {**connection_parameters(self._url), **CONNECT}
        # A pooler in transaction mode has no place for prepared statements.
        return await AsyncConnection.connect(autocommit=True, prepare_threshold=None, **parameters)


async def _refuse_pooled(session: AsyncConnection[Any]) -> None:
    row = await (await session.execute("SELECT pg_backend_pid()")).fetchone()
    if row is None or row[0] != session.info.backend_pid:
        raise _PooledError


async def _readable(session: AsyncConnection[Any]) -> None:
    """Return when the server has sent something, or has gone. psycopg's own wait wakes ten times a second."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(session.fileno(), arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(session.fileno())


def _parse(payload: str, *, but: int) -> list[Signal]:
    """Return the signals of a notification; none of those that ``but`` sent, or that this release does not know."""
    sender, *counts = payload.split()
    if sender == str(but):
        return []
    signals = []
    for work, _, count in (one.partition("=") for one in counts):
        if work in _WORK and count.isascii() and count.isdigit():
            signals.append(Signal(Work(work), int(count)))
    return signals
