"""Lets calls through to a server's history only after somebody has looked whether it is the right one.

A standby that was promoted, a restored backup and an old primary answer as the right server did. What they
hold may be older than what this vault has said. So the first call on a connection of an identity that was
not accepted is held back until ``look`` has returned, and all callers share one look.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from vault.database.engines.postgresql_connection import Identity, VaultConnection
from vault.errors import Unavailable
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds after a look that failed before the next one.
_CHECK_INTERVAL = 1.0


class ConnectionNotChecked(Exception):
    """The connection's identity was not accepted; nothing was done on it."""

    def __init__(self, identity: Identity, serial: int) -> None:
        """Keep whose turn it is to be looked at."""
        super().__init__()
        self.identity, self.serial = identity, serial


class OutOfDate(Exception):
    """The connection speaks to a history that was left for another one: it is to be thrown away."""


class ConnectionCheck:
    """One identity is accepted at a time; connections of an earlier one are out of date."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Let everything through until there is a ``look``."""
        self._look: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: tuple[Identity, int] | None = None
        #: What is being looked at; calls of the look itself may use no other.
        self._under_look: Identity | None = None
        self._looking: asyncio.Task[None] | None = None
        self._failed: tuple[Identity, Unavailable, float] | None = None

    @property
    def look(self) -> Callable[[], Awaitable[None]] | None:
        """Return what compares the database with what is known of it elsewhere; raises where they differ."""
        return self._look

    @look.setter
    def look(self, look: Callable[[], Awaitable[None]] | None) -> None:
        """Set it. What was let through before is looked at, too."""
        with self._lock:
            self._look, self._accepted, self._failed = look, None, None

    def check(self, connection: VaultConnection, *, guarded: bool) -> None:
        """Return if a function may run on this connection. Called by threads.

        Raises NotLookedAt, OutOfDate, and Unavailable for a look that meets a server it was not begun for.
        """
        with self._lock:
            wanted = self._under_look if not guarded else None
            if self._look is None or (not guarded and wanted in {None, connection.identity}):
                return
            accepted, serial = self._accepted or (None, 0)
            if guarded and accepted == connection.identity:
                return
            if connection.serial < serial:
                raise OutOfDate
        if guarded:
            raise ConnectionNotChecked(connection.identity, connection.serial)
        raise Unavailable(
            "The database became another one while it was looked at.", retry_after=1, cause="database"
        )

    def was_refused(self, identity: Identity) -> bool:
        """Say whether the last look at this identity failed: its connections are not kept."""
        return self._failed is not None and self._failed[0] == identity

    async def look_at(self, no_progress: ConnectionNotChecked, *, seconds: float) -> None:
        """Return once the identity is accepted. Raises Unavailable: what the look raised, or it takes too long."""
        with self._lock:
            if self._accepted is not None and self._accepted[0] == no_progress.identity:
                return  # While this caller was on its way here.
            failed = self._failed
        if failed is not None and failed[0] == no_progress.identity and self._clock() < failed[2]:
            raise Unavailable(str(failed[1]), retry_after=failed[1].retry_after, cause=failed[1].cause)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_once(no_progress))
        looking = self._looking
        await asyncio.wait({looking}, timeout=max(0.0, seconds))
        if not looking.done():
            raise Unavailable(
                "The database is being compared with the object store. Nothing was done: repeat it.",
                cause="database",
            )
        if (failed := self._failed) is not None:
            raise Unavailable(str(failed[1]), retry_after=failed[1].retry_after, cause=failed[1].cause)

    async def _look_once(self, no_progress: ConnectionNotChecked) -> None:
        with self._lock:
            look, self._under_look, self._failed = self._look, no_progress.identity, None
        failure: Unavailable | None = Unavailable("The service is stopping.", cause="database")
        try:
            if look is not None:
                await look()
            failure = None
        except Unavailable as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the database was not found to be the right one
            _LOG.error("database.look_failed", error=type(error).__name__, trace=True)
            failure = Unavailable(
                "The database could not be compared with the object store.", cause="database"
            )
        finally:
            with self._lock:
                self._under_look = None
                if failure is not None:
                    self._failed = (no_progress.identity, failure, self._clock() + _CHECK_INTERVAL)
                elif self._look is look:
                    self._accepted = (no_progress.identity, no_progress.serial)
