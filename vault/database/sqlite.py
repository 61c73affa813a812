"""SQLite behind the database port: one process, one writer thread, readers beside it.

Write-ahead log with ``synchronous=FULL``: a commit is on disk before anyone hears of it. A lock file
keeps a second process out, because two writers would break the order in which the switch is read.
The log is copied into the database by another connection, so that no commit waits for that.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from vault.database.grouped_rows import announce_one, grant_one
from vault.database.migrate import migrate_sqlite
from vault.database.transaction import SqlTransaction
from vault.database.writer import Writer
from vault.errors import StartRefused, Unavailable
from vault.logs import Log
from vault.ports.database import Announced, Grant, Transaction
from vault.ports.stores import NewRecording
from vault.threads import Threads

T = TypeVar("T")
_LOG = Log(__name__)
_READERS = 4
#: Seconds between two copies of the write-ahead log into the database.
_CHECKPOINT_PAUSE = 1.0


class SqliteDatabase:
    """One SQLite file, held by this process alone."""

    def __init__(self, path: Path) -> None:
        """Lock, create or migrate, and open the file. Raises StartRefused if another process holds it."""
        self.path = path
        self._lock = _lock(path)
        try:
            migrate_sqlite(path)
            self._engine = _engine(path)
            self._reading = _engine(path, read_only=True)
            self._writer_connection = self._engine.connect()
            self._writer = Writer(self._writer_connection)
        except BaseException:
            os.close(self._lock)
            raise
        self._threads = Threads("sqlite-reader", _READERS)
        self._stop = threading.Event()
        self._checkpointer = threading.Thread(target=self._copy_log, name="sqlite-checkpoint", daemon=True)
        self._checkpointer.start()

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in the writer thread; its result comes after the commit."""
        result: T = await self._writer.write(function, urgent=urgent)
        return result

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a snapshot, beside the writer."""
        return await self._threads.run(self._read, function)

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording as received or refused, in the writer's next group."""
        result: Announced = await self._writer.write(lambda tx: announce_one(tx.connection, new), urgent=False)
        return result

    async def grant(self, grant: Grant) -> bool:
        """Write the grant's event if everything is still good, in the writer's next group."""
        result: bool = await self._writer.write(lambda tx: grant_one(tx.connection, grant), urgent=False)
        return result

    def close(self) -> None:
        """Finish what is queued, and give the file back."""
        self._stop.set()
        self._writer.close()
        self._checkpointer.join()
        self._threads.close()
        self._writer_connection.close()
        self._engine.dispose()
        self._reading.dispose()
        os.close(self._lock)

    def _read(self, function: Callable[[Transaction], T]) -> T:
        try:
            with self._reading.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                try:
                    return function(SqlTransaction(connection))
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except DBAPIError as error:
            _LOG.error("database.read_failed", error=type(error.orig).__name__)
            raise Unavailable("The database could not be read.") from error

    def _copy_log(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            while not self._stop.wait(_CHECKPOINT_PAUSE):
                try:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                except sqlite3.Error as error:
                    _LOG.warning("database.checkpoint_failed", error=type(error).__name__)
        finally:
            connection.close()


def _lock(path: Path) -> int:
    """Take the lock file for the life of the process."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StartRefused(
            f"Another process holds {path}. Stop it, or let it do the work: commands reach a running server "
            "through its control socket in the data directory."
        ) from error
    return descriptor


def _engine(path: Path, *, read_only: bool = False) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        # WAL once, before anything else: two connections that set it at once lock each other out.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}").fetchone()
        if read_only:
            connection.execute("PRAGMA query_only=1")
        return connection

    return create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=_READERS, isolation_level="AUTOCOMMIT"
    )
