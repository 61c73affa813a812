"""One call of PostgreSQL, shared by its caller and its thread: its phase, and whether it was given up."""

import enum
import threading
import time

from vault.database.engines.postgresql_connection import VaultConnection
from vault.errors import Unavailable

#: Seconds until a call times out for its caller, including the time in the queue and the commit.
DEADLINE = 8.0
UNKNOWN = "It is not known whether this was done: the database did not answer in time. Repeat it."
NOTHING_DONE = "The database did not answer in time. Nothing was done: repeat it."


class Phase(enum.Enum):
    """The phase of a call. From COMMITTING on, only the server knows whether it is committed."""

    WAITING = enum.auto()
    WORKING = enum.auto()
    COMMITTING = enum.auto()


class GivenUp(Exception):
    """The caller gave up before the commit: the thread stops, and nothing is done."""


class Call:
    """A call's deadline, phase and current connection."""

    def __init__(self, *, snapshot: bool, guarded: bool, ends_at: float | None = None) -> None:
        """Start in the queue. ``ends_at`` is on time.monotonic(); None means DEADLINE seconds from now."""
        self.snapshot, self.guarded = snapshot, guarded
        self.ends_at = time.monotonic() + DEADLINE if ends_at is None else ends_at
        self.phase = Phase.WAITING
        self.given_up = False
        self._connection: VaultConnection | None = None
        self._lock = threading.Lock()

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; never negative."""
        return max(0.0, self.ends_at - time.monotonic())

    def use(self, connection: VaultConnection) -> None:
        """Set the call's connection. Raises GivenUp."""
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

    def leave(self) -> None:
        """Detach the connection from this call, before it returns to the pool."""
        with self._lock:
            self._connection = None

    def give_up(self, *, cut_commit: bool) -> Unavailable:
        """Give the call up, and cut its connection to wake its thread; return the caller's error.

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
