"""The n-th call to one part outside of the vault fails: before it took effect, or after it, with its answer lost.

``Nth`` counts and decides. What stands around a port, a driver or a client asks it at every call, so that the
same sweep works on a port in its own words and on an adapter in those of its library.
"""

import copy
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import text

from tests.fakes.objects import FakeObjects
from vault.database.engines.micro_batch import MicroBatch
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.sql.hot_text import HotText
from vault.errors import Unavailable

T = TypeVar("T")
AnyDatabase = SqliteDatabase | PostgresqlDatabase


@dataclass(frozen=True)
class Fault:
    """One way to fail. ``error`` takes the name of the call; ``strike`` fails in the middle of a transaction."""

    name: str
    error: Callable[[str], Exception] = lambda _name: Unavailable("It does not answer (test).")
    #: The call took effect, and its answer was lost.
    lost: bool = False
    strike: Callable[[Any], None] | None = None


@dataclass
class Nth:
    """Counts the calls to one part, and lets one of them fail."""

    fault: Fault
    #: Which call fails; none for 0.
    at: int = 0
    calls: int = 0
    #: The call that failed.
    met: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_this(self, name: str) -> bool:
        """Count a call, and say whether it is the one that fails."""
        with self._lock:
            self.calls += 1
            if self.calls != self.at:
                return False
            self.met = name
            return True

    def begin(self, name: str) -> bool:
        """Count a call; raise if it fails before its effect, and return whether its answer is to be lost."""
        if not self.is_this(name):
            return False
        if not self.fault.lost:
            raise self.fault.error(name)
        return True

    def end(self, name: str, *, lost: bool) -> None:
        """Raise if the answer is lost."""
        if lost:
            raise self.fault.error(name)

    async def around(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call that may be the one."""
        lost = self.begin(name)
        answer = await call()
        self.end(name, lost=lost)
        return answer

    def inside(self, name: str, function: Callable[[Any], T]) -> Callable[[Any], T]:
        """Return a function for a transaction, which may be the one that is struck after it did its work."""
        if not self.is_this(name):
            return function

        def struck(transaction: Any) -> T:
            result = function(transaction)
            assert self.fault.strike is not None
            self.fault.strike(transaction)
            return result

        return struck


BEFORE = Fault("before")
LOST = Fault("lost", lost=True)


class NthObjects(FakeObjects):
    """The object store in memory, which asks at every call."""

    def __init__(self, nth: Nth) -> None:
        """Begin empty."""
        super().__init__()
        self.nth = nth

    def _call(self, name: str) -> bool:
        self.calls.append(name)
        return self.nth.begin(name)


class NthDatabase:
    """A database that asks at every call, in the words of its port."""

    def __init__(self, database: AnyDatabase, nth: Nth) -> None:
        self.database, self.nth = database, nth

    async def write(self, function: Any, *, urgent: bool = False) -> Any:
        """Write."""
        return await self.nth.around("write", lambda: self.database.write(function, urgent=urgent))

    async def read(self, function: Any) -> Any:
        """Read."""
        return await self.nth.around("read", lambda: self.database.read(function))

    async def fetch(self, select: Any, **values: Any) -> Any:
        """Fetch."""
        return await self.nth.around("fetch", lambda: self.database.fetch(select, **values))

    async def add_fact(self, new: Any) -> Any:
        """Add a fact."""
        return await self.nth.around("add_fact", lambda: self.database.add_fact(new))

    async def claim(self, states: Any, **how: Any) -> Any:
        """Claim."""
        return await self.nth.around("claim", lambda: self.database.claim(states, **how))

    async def first_manifest_written(self, held: Any, key_version: Any) -> Any:
        """Release the lease."""
        return await self.nth.around(
            "first_manifest_written", lambda: self.database.first_manifest_written(held, key_version)
        )

    async def announce(self, new: Any) -> Any:
        """Announce."""
        return await self.nth.around("announce", lambda: self.database.announce(new))

    async def grant(self, grant: Any) -> Any:
        """Grant."""
        return await self.nth.around("grant", lambda: self.database.grant(grant))

    async def open_session(self, new: Any) -> Any:
        """Open."""
        return await self.nth.around("open_session", lambda: self.database.open_session(new))

    async def is_valid(self, event: Any) -> Any:
        """Ask whether a grant is still valid."""
        return await self.nth.around("is_valid", lambda: self.database.is_valid(event))

    async def append_soon(self, event: Any) -> Any:
        """Append."""
        return await self.nth.around("append_soon", lambda: self.database.append_soon(event))

    async def scrub(self, *, moved: bool = False) -> bool:
        """Scrub."""
        return await _scrubbed(self.database, self.nth, moved=moved)


async def _scrubbed(database: AnyDatabase, nth: Nth, *, moved: bool = False) -> bool:
    """Scrub; what cannot be done now says that it must wait, for so the port wants it."""
    done = await database.scrub(moved=moved)
    return done and not nth.is_this("scrub")


def struck(database: AnyDatabase, nth: Nth) -> AnyDatabase:
    """Return the same database with a driver that may fail in the middle of a transaction."""
    other = copy.copy(database)
    other.scrub = partial(_scrubbed, database, nth)  # type: ignore[method-assign]
    if isinstance(other, PostgresqlDatabase):
        call = other._call

        async def struck_call(function: Any, **how: Any) -> Any:
            return await call(nth.inside("transaction", function), **how)

        write = other._hot_write

        async def struck_write(steps: Any) -> Any:
            more = [(_HOT_STRIKES[nth.fault.name], {})] if nth.is_this("transaction") else []
            return (await write([*steps, *more]))[: len(steps)]

        other._call = struck_call  # type: ignore[method-assign]
        other._hot_write = struck_write  # type: ignore[method-assign]
        other._announcements = MicroBatch(other._announce_group)
        other._grants = MicroBatch(other._grant_group)
        other._opens = MicroBatch(other._open_group, writers=1)
        return other
    other._writer = _Struck("write", other._writer.write, nth)  # type: ignore[assignment]
    other._readers = _Struck("read", other._readers.read, nth)  # type: ignore[assignment]
    return other


class _Struck:
    """SQLite's writer or its readers, with one function that is struck."""

    def __init__(self, name: str, work: Callable[..., Awaitable[Any]], nth: Nth) -> None:
        self.name, self.work, self.nth = name, work, nth

    async def write(self, function: Any, **how: Any) -> Any:
        """Write, or read."""
        return await self.work(self.nth.inside(self.name, function), **how)

    read = write


def _fails_with(code: int) -> Callable[[Any], None]:
    def fail(_transaction: Any) -> None:
        error = sqlite3.OperationalError("The disk or the lock (test).")
        error.sqlite_errorcode = code
        raise error

    return fail


def _takes_too_long(connection: Any) -> None:
    connection.execute(text("SET LOCAL statement_timeout = '1ms'"))
    connection.execute(text("SELECT pg_sleep(5)"))


def _is_cut(connection: Any) -> None:
    connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


#: The same for hot statements: a division by zero is an error of the server, as a timeout.
_HOT_STRIKES = {
    "timeout": HotText("SELECT set_config('statement_timeout', '1ms', true), pg_sleep(5) / 0"),
    "reset": HotText("SELECT pg_terminate_backend(pg_backend_pid())"),
}
#: How the drivers fail in the middle of a transaction, by the database.
STRUCK = {
    "sqlite": [
        Fault("full disk", strike=_fails_with(sqlite3.SQLITE_FULL)),
        Fault("disk error", strike=_fails_with(sqlite3.SQLITE_IOERR)),
        Fault("lock timeout", strike=_fails_with(sqlite3.SQLITE_BUSY)),
    ],
    "postgresql": [Fault("timeout", strike=_takes_too_long), Fault("reset", strike=_is_cut)],
}
