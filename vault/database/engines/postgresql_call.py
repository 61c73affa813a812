"""One call of PostgreSQL as its caller and its thread share it: how far it is, and that it was given up."""

import enum
import threading
import time

from vault.database.engines.postgresql_connection import VaultConnection
from vault.errors import Unavailable

#: Seconds after which a caller hears that the database did not answer, with the time in the queue and the commit.
DEADLINE = 8.0
UNKNOWN = "Nobody knows whether this was done: the database did not answer in time. Repeat it."
NOTHING_DONE = "The database did not answer in time. Nothing was done: repeat it."


class Phase(enum.Enum):
    """How far a call is. From COMMITTING on nobody but the server knows whether it stands."""

    WAITING = enum.auto()
    WORKING = enum.auto()
    COMMITTING = enum.auto()


class GivenUp(Exception):
    """The caller went away before the commit: the thread stops, and nothing is done."""


class Call:
    """A call's end, and the connection that it uses by now."""

    def __init__(self, *, snapshot: bool, guarded: bool, ends_at: float | None = None) -> None:
        """``ends_at`` is on time.monotonic(); None for a call that begins now."""
        self.snapshot, self.guarded = snapshot, guarded
        self.ends_at = time.monotonic() + DEADLINE if ends_at is None else ends_at
        self.phase = Phase.WAITING
        self.given_up = False
        self._connection: VaultConnection | None = None
        self._lock = threading.Lock()

    def seconds_left(self) -> float:
        """Return how long the caller still waits; never negative."""
        return max(0.0, self.ends_at - time.monotonic())

    def use(self, connection: VaultConnection) -> None:
        """Work on this connection from now on. Raises GivenUp."""
        with self._lock:
            if self.given_up:
                raise GivenUp
            self._connection, self.phase = connection, Phase.WORKING

    def begin_commit(self) -> None:
        """Say that the COMMIT is sent now. Raises GivenUp, and then it must not be."""
        with self._lock:
            if self.given_up:
                raise GivenUp
            self.phase = Phase.COMMITTING

    def leave(self) -> None:
        """The connection is somebody else's from now on."""
        with self._lock:
            self._connection = None

    def give_up(self, *, cut_commit: bool) -> Unavailable:
        """End it for its caller, and wake its thread; return what the caller is told.

        A COMMIT that waits for a standby keeps its thread unless ``cut_commit``: the server goes on waiting either
        way, and each new connection would be one more that waits.
        """
        with self._lock:
            self.given_up = True
            committing = self.phase is Phase.COMMITTING
            if self._connection is not None and (cut_commit or not committing):
                self._connection.cut()
            return Unavailable(
                UNKNOWN if committing and not self.snapshot else NOTHING_DONE, cause="database"
            )
