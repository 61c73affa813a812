"""One job for PostgreSQL, shared by its caller and its thread, and what all jobs know about the server's faults."""

import enum
import threading
import time
from collections import deque
from dataclasses import astuple, dataclass
from datetime import timedelta
from typing import Final

import psycopg

from vault.backoff import Backoff
from vault.database.engines.postgresql_connection import VaultConnection
from vault.errors import Invalid, Unavailable
from vault.structured_log import Log

_LOG: Final = Log(__name__)
#: Seconds until a job times out for its caller, including the time in the queue and the commit.
DEADLINE = 8.0
#: Seconds of a job that moves a whole account.
LONG_SECONDS = 3600.0
UNKNOWN = "It is not known whether this was done: the database did not answer in time. Repeat it."
NOTHING_DONE = "The database did not answer in time. Nothing was done: repeat it."
#: SQLSTATE of deadlock and serialization failure: an immediate retry may succeed.
_RETRYABLE_CODES: Final = {"40P01", "40001"}
ATTEMPTS: Final = 6
BACKOFF: Final = Backoff(first=timedelta(seconds=0.02), most=timedelta(seconds=0.64), least=0)
#: Seconds without an answer after which a connection is pinged before it is used.
IDLE_SECONDS: Final = 1.0
#: Timeout in seconds for that ping.
PING_SECONDS: Final = 2.0
#: Max jobs that wait for a connection; further ones get Unavailable.
_MAX_QUEUE_LENGTH: Final = 4096
#: Max connections abandoned during a COMMIT that waits for a standby, per this many seconds.
_MAX_ABANDONED, _ABANDONED_WINDOW_SECONDS = 12, 60.0
#: Seconds for which the node is not ready after a write that did not end in time.
_STUCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class PoolSizes:
    """How many connections a process keeps open, by what they are for."""

    #: Writes and reads by functions, each on a thread of its own.
    write: int = 12
    read: int = 8
    #: Hot writes, whose statements go from the event loop.
    hot_write: int = 8
    #: So the recording switch never queues behind many other writes.
    urgent: int = 2
    #: Opens, which wait for the lock of the log's tree.
    tree: int = 1
    #: Hot reads, of which each connection takes several together.
    hot_read: int = 2
    #: LISTEN, and NOTIFY.
    signals: int = 2

    @classmethod
    def of(cls, total: int) -> "PoolSizes":
        """Divide ``total`` connections, at least MIN_POOL, as the default of 35 is divided."""
        fixed = cls(write=0, read=0, hot_write=0).total
        shared = total - fixed
        read = hot_write = max(1, shared * 2 // 7)
        return cls(write=shared - read - hot_write, read=read, hot_write=hot_write)

    @property
    def total(self) -> int:
        """Return the number of all connections."""
        return sum(astuple(self))


DEFAULT_POOL: Final = PoolSizes().total
#: A connection of each kind.
MIN_POOL: Final = 10


class Faults:
    """Observations of jobs about the server: dead connections, and commits that do not end."""

    def __init__(self) -> None:
        """Start without faults."""
        #: Connections opened before this time are assumed dead.
        self.distrusted_before = 0.0
        self._stuck_until = 0.0
        self._abandoned: deque[float] = deque()

    def distrust(self) -> None:
        """Assume that every connection opened until now is dead."""
        self.distrusted_before = time.monotonic()

    def commit_timed_out(self) -> bool:
        """Note a write whose outcome is unknown; return whether its connection may be abandoned.

        The server keeps waiting for its standby in any case, and each new connection could add another wait.
        """
        now = time.monotonic()
        self._stuck_until = now + _STUCK_SECONDS
        while self._abandoned and self._abandoned[0] < now - _ABANDONED_WINDOW_SECONDS:
            self._abandoned.popleft()
        if len(self._abandoned) >= _MAX_ABANDONED:
            return False
        self._abandoned.append(now)
        return True

    def refuse_stuck(self) -> None:
        """Raise Unavailable if a write did not end in time recently, even if reads work."""
        if time.monotonic() < self._stuck_until:
            raise Unavailable("The database does not accept writes at the moment.", cause="database")


class Phase(enum.Enum):
    """The phase of a job. From COMMITTING on, only the server knows whether it is committed."""

    WAITING = enum.auto()
    WORKING = enum.auto()
    COMMITTING = enum.auto()


class GivenUp(Exception):
    """The caller gave up before the commit: the thread stops, and nothing is done."""


class Job:
    """A job's deadline, phase and current connection."""

    def __init__(self, *, snapshot: bool, guarded: bool, ends_at: float | None = None) -> None:
        """Start in the queue. ``ends_at`` is on time.monotonic(); None means DEADLINE seconds from now."""
        self.snapshot, self.guarded = snapshot, guarded
        self.ends_at = time.monotonic() + DEADLINE if ends_at is None else ends_at
        self.phase = Phase.WAITING
        self.given_up = False
        #: Whether the last attempt lost its connection before it could have an effect.
        self.died_without_effect = False
        self._connection: VaultConnection | None = None
        self._lock = threading.Lock()

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; never negative."""
        return max(0.0, self.ends_at - time.monotonic())

    def use(self, connection: VaultConnection) -> None:
        """Set the job's connection. Raises GivenUp."""
        with self._lock:
            if self.given_up:
                raise GivenUp
            self._connection, self.phase = connection, Phase.WORKING

    def begin_commit(self) -> None:
        """Mark that the COMMIT is sent next. Raises GivenUp; then it must not be sent."""
        with self._lock:
            if self.given_up:
                raise GivenUp
            self.phase = Phase.COMMITTING

    def leave(self, *, died: bool = False) -> None:
        """Detach the connection from this job, before it returns to the pool."""
        with self._lock:
            self._connection = None
            committing = self.phase is Phase.COMMITTING and not self.snapshot
            self.died_without_effect = died and not committing and not self.given_up

    def give_up(self, *, cut_commit: bool) -> Unavailable:
        """Give the job up, and cut its connection to wake its thread; return the caller's error.

        A COMMIT that waits for a standby keeps its connection and thread unless ``cut_commit``: the server keeps
        waiting in both cases, and each new connection could add another wait.
        """
        with self._lock:
            self.given_up = True
            committing = self.phase is Phase.COMMITTING
            if self._connection is not None and (cut_commit or not committing):
                self._connection.cut()
            return Unavailable(
                UNKNOWN if committing and not self.snapshot else NOTHING_DONE, cause="database"
            )


def refuse_queue(length: int) -> None:
    """Raise Unavailable if so many jobs wait that another one must not join them."""
    if length >= _MAX_QUEUE_LENGTH:
        raise Unavailable("Too many requests wait for the database.", retry_after=1, cause="database")


def is_retryable(cause: BaseException | None) -> bool:
    """Return whether the server rolled back because of concurrent transactions."""
    return getattr(cause, "sqlstate", None) in _RETRYABLE_CODES


def failure_of(cause: BaseException | None, *, unknown: bool, host: str) -> BaseException:
    """Return the caller's error for an error of the database; ``unknown``: it may have been committed.

    The log has class, SQLSTATE and ``host``, never the message: it can contain values.
    """
    if isinstance(cause, psycopg.DataError):
        return Invalid("The request has a value that the database cannot store.")
    _LOG.error("database.failed", error=type(cause).__name__, sqlstate=_sqlstate(cause), host=host)
    return Unavailable(UNKNOWN if unknown else "The database did not answer in time.", cause="database")


def _sqlstate(cause: BaseException | None) -> str:
    """Return PostgreSQL's code; "none" for an error of the connection, which has none."""
    return getattr(cause, "sqlstate", None) or "none"
