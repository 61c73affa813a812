"""Check that a database server has this vault's history before any call runs on it.

A promoted standby, a restored backup and an old primary respond like the right server, but their data may be
older than what this vault has acknowledged. So the first call on a connection with an identity that is not
accepted yet waits until the check (``history_check``) has returned; concurrent callers share one check.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from vault.database.engines.postgresql_connection import Identity, VaultConnection
from vault.errors import Unavailable
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds between a failed check and the next one.
_CHECK_INTERVAL = 1.0
#: Seconds for which a connection that was confirmed is not confirmed again.
_CONFIRMED_SECONDS = 0.05


class ConnectionNotChecked(Exception):
    """The connection's identity is not accepted yet; nothing was done on it."""

    def __init__(self, identity: Identity, serial: int) -> None:
        """Store the identity to check, and the connection's serial number."""
        super().__init__()
        self.identity, self.serial = identity, serial


class OutOfDate(Exception):
    """The connection belongs to a history that was replaced by another one: close it."""


class ConnectionCheck:
    """The accepted identity, one at a time; connections with an earlier identity are out of date."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Accept every connection until ``history_check`` is set."""
        self._history_check: Callable[[], Awaitable[None]] | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: tuple[Identity, int] | None = None
        #: The identity being checked; calls of the check itself may use no other.
        self._being_checked: Identity | None = None
        self._checking: asyncio.Task[None] | None = None
        self._failed: tuple[Identity, Unavailable, float] | None = None
        #: Size of the log that this process has seen at least; in the accepted history it never falls.
        self._size = 0

    @property
    def history_check(self) -> Callable[[], Awaitable[None]] | None:
        """Return the check, which compares the database with external records and raises if they differ."""
        return self._history_check

    @history_check.setter
    def history_check(self, check: Callable[[], Awaitable[None]] | None) -> None:
        """Set the check; identities accepted before are checked again."""
        with self._lock:
            self._history_check, self._accepted, self._failed = check, None, None

    def check(self, connection: VaultConnection, *, guarded: bool) -> None:
        """Return if a function may run on this connection. Called by threads.

        Raises ConnectionNotChecked, OutOfDate, and Unavailable if the check's own call reaches another server.
        """
        with self._lock:
            identity = self._being_checked if not guarded else None
            if self._history_check is None or (not guarded and identity in {None, connection.identity}):
                return
            accepted, serial = self._accepted or (None, 0)
            if guarded and accepted == connection.identity:
                return
            if connection.serial < serial:
                raise OutOfDate
        if guarded:
            raise ConnectionNotChecked(connection.identity, connection.serial)
        raise Unavailable(
            "The database server changed while its history was being checked.",
            retry_after=1,
            cause="database",
        )

    def guard_of(self, connection: VaultConnection) -> tuple[int, int] | None:
        """Return what a guard of this connection must find: the log's table and least size; None if none is due."""
        if self._history_check is None or time.monotonic() - connection.confirmed_at < _CONFIRMED_SECONDS:
            return None
        return connection.identity.log_table or 0, self._size

    def confirm(self, connection: VaultConnection, size: int, *, sent_at: float) -> None:
        """Note that a guard sent at that time found the accepted history, with a log of this size."""
        with self._lock:
            connection.confirmed_at = sent_at
            if self._accepted is not None and self._accepted[0] == connection.identity:
                self._size = max(self._size, size)

    def doubt(self) -> None:
        """Check again before anything runs: a guard has found another database."""
        with self._lock:
            self._accepted = None

    def was_refused(self, identity: Identity) -> bool:
        """Return whether the last check of this identity failed: its connections must be closed."""
        return self._failed is not None and self._failed[0] == identity

    async def wait_for_check(self, unchecked: ConnectionNotChecked, *, seconds: float) -> None:
        """Wait until the identity is accepted. Raises Unavailable if the check fails or exceeds ``seconds``."""
        with self._lock:
            if self._accepted is not None and self._accepted[0] == unchecked.identity:
                return  # Accepted by a concurrent caller.
            failed = self._failed
        if failed is not None and failed[0] == unchecked.identity and self._clock() < failed[2]:
            raise Unavailable(str(failed[1]), retry_after=failed[1].retry_after, cause=failed[1].cause)
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._run_check(unchecked))
        checking = self._checking
        await asyncio.wait({checking}, timeout=max(0.0, seconds))
        if not checking.done():
            raise Unavailable(
                "The database is still being compared with the object store. Nothing was done: retry.",
                cause="database",
            )
        if (failed := self._failed) is not None:
            raise Unavailable(str(failed[1]), retry_after=failed[1].retry_after, cause=failed[1].cause)

    async def _run_check(self, unchecked: ConnectionNotChecked) -> None:
        with self._lock:
            check, self._being_checked, self._failed = self._history_check, unchecked.identity, None
        failure: Unavailable | None = Unavailable("The service is stopping.", cause="database")
        try:
            if check is not None:
                await check()
            failure = None
        except Unavailable as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - after any error the database is not confirmed as the right one
            _LOG.error("database.check_failed", error=type(error).__name__, trace=True)
            failure = Unavailable(
                "The database could not be compared with the object store.", cause="database"
            )
        finally:
            with self._lock:
                self._being_checked = None
                if failure is not None:
                    self._failed = (unchecked.identity, failure, self._clock() + _CHECK_INTERVAL)
                elif self._history_check is check:
                    self._accepted, self._size = (unchecked.identity, unchecked.serial), 0
