"""SQLite behind the database port: one process, one writer thread, several reader threads.

Write-ahead log (WAL) with ``synchronous=FULL``: a commit is on disk before its caller gets the result. A lock
file prevents a second process, because two writers would break the order in which the recording switch is read.
Freed bytes are overwritten, because a shredded key must not remain in the file.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from vault import metrics
from vault.database.engines.migrate import check_schema, check_sqlite, migrate_sqlite, require_file
from vault.database.engines.sqlite_file import DatabaseFile
from vault.database.engines.sqlite_jobs import driver_of
from vault.database.engines.sqlite_pages import clear_pages
from vault.database.engines.sqlite_readers import Readers
from vault.database.engines.sqlite_wal import WalCheckpointer
from vault.database.engines.sqlite_writer import Writer
from vault.database.log_tree.sequencer_sqlite import SqliteSequencer
from vault.database.signals import Signals
from vault.database.sql.compiled_statements import CompiledSelect
from vault.database.sql.dialect import define_sqlite_now
from vault.database.stores.hot.add_fact import AddedFact, NewFact, add_fact_one
from vault.database.stores.hot.open_sessions import NewSession, open_one
from vault.database.stores.hot.statements import Announced, Grant, announce_one, grant_one, is_valid_one
from vault.database.stores.recordings.recordings import NewRecording
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Session
from vault.domain.recordings.recording import Lease, State
from vault.domain.start_mode import StartMode
from vault.errors import DatabaseUnfit, StartRefused, Unavailable
from vault.thread_pools import Threads

T = TypeVar("T")
_READERS = 4
#: Size of the WAL in bytes above which it is reset.
_WAL_LIMIT = 32 * 1024 * 1024
#: Free bytes of the disk below which the database counts as unable to write.
MIN_FREE = 16 * 1024 * 1024
_NO_SPACE = "The database cannot write: its disk is full or has an error."
_PRAGMAS = (
    "synchronous=FULL",
    "wal_autocheckpoint=0",
    "temp_store=MEMORY",
    "secure_delete=ON",
)


class SqliteDatabase:
    """One SQLite file, locked by this process."""

    def __init__(self, path: Path, *, log_limit: int = _WAL_LIMIT, mode: StartMode = StartMode.SERVE) -> None:
        """Lock the file and open it. Only SERVE migrates an existing one, and only some modes create one.

        Raises StartRefused if another process has locked it, if it cannot be opened, or for another schema.
        """
        self.path = path
        self._closed = False
        with ExitStack() as opened:
            opened.callback(os.close, _lock(path, mode))
            try:
                _prepare_file(path, mode)
                driver = self._connect(opened)
                _end_leases(self._writer_connection, mode)
                sequencer = SqliteSequencer(driver)
                self._file = DatabaseFile(path, driver)
            except (DBAPIError, sqlite3.Error, OSError) as error:
                raise StartRefused(
                    f"{path} could not be opened as a database. Check that it is one, that the disk has free "
                    "space, and that this user may write to it."
                ) from error
            self._opened = opened.pop_all()
        self.signals = Signals()
        self._checkpointer = WalCheckpointer(path, limit=log_limit, file=self._file)
        self._writer = Writer(
            self._writer_connection,
            between_groups=lambda: self._checkpointer.keep_short(driver),
            sequencer=sequencer,
            require=self._file.require_same,
            emit=self.signals.emit,
        )
        self._readers = Readers(
            self._reading_connections, require=self._file.require_same, emit=self.signals.emit
        )
        self._threads = Threads("sqlite-scrub", 1)

    def _connect(self, opened: ExitStack) -> sqlite3.Connection:
        """Open the connections, which are closed with ``opened``; return the writer's."""
        self._engine = _engine(self.path)
        opened.callback(self._engine.dispose)
        self._reading = _engine(self.path, read_only=True)
        opened.callback(self._reading.dispose)
        self._reading_connections = [opened.enter_context(self._reading.connect()) for _ in range(_READERS)]
        self._writer_connection = opened.enter_context(self._engine.connect())
        all_of_them = (self._writer_connection, *self._reading_connections)
        self._drivers = [driver_of(one) for one in all_of_them]
        return self._drivers[0]

    async def write(self, function: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run ``function`` in the writer thread; return its result after the commit."""
        result: T = await self._writer.write(function, urgent=urgent)
        return result

    async def read(self, function: Callable[[Transaction], T]) -> T:
        """Run ``function`` on a snapshot, in parallel with the writer."""
        result: T = await self._readers.read(function)
        return result

    async def long(self, function: Callable[[Transaction], T], *, writes: bool) -> T:
        """Run ``function`` as ``write`` or ``read`` do: neither has an end of its own."""
        return await (self.write(function) if writes else self.read(function))

    async def fetch(self, select: CompiledSelect, **values: object) -> list[dict[str, Any]]:
        """Return the rows of one SELECT, on a snapshot."""
        return await self.read(lambda tx: select.rows(tx.connection, **values))

    async def add_fact(self, new: NewFact) -> AddedFact:
        """Add a fact of a call, in the writer's next batch."""
        return await self.write(lambda tx: add_fact_one(tx.connection, new))

    async def claim(
        self, states: Sequence[State], *, lease: timedelta, likely: bool, but: Collection[str] = ()
    ) -> Lease | None:
        """Claim a row; unless one is likely, a snapshot is read first, which costs little more than half of a write."""
        if not likely and not await self.read(lambda tx: tx.queue.is_waiting(states)):
            return None
        return await self.write(lambda tx: tx.queue.claim(states, lease=lease, but=but))

    async def first_manifest_written(self, held: Lease, key_version: int | None) -> bool:
        """Mark the manifest as stored, and release the lease."""
        return await self.write(lambda tx: tx.queue.first_manifest_written(held, key_version))

    async def announce(self, new: NewRecording) -> Announced:
        """Insert the recording as received or refused, in the writer's next batch."""
        result: Announced = await self._writer.write(
            lambda tx: announce_one(tx.connection, new), urgent=False
        )
        return result

    async def grant(self, grant: Grant) -> bool:
        """Write the grant's event if link, session and recording are still valid, in the writer's next batch."""
        result: bool = await self._writer.write(lambda tx: grant_one(tx.connection, grant), urgent=False)
        return result

    async def open_session(self, new: NewSession) -> Session | None:
        """Open a link, in the writer's next batch."""
        return await self.write(lambda tx: open_one(tx.connection, new))

    async def is_valid(self, event: AccessEvent) -> bool:
        """Return whether a grant of ``event`` would still be valid."""
        return await self.read(lambda tx: is_valid_one(tx.connection, event))

    async def append_soon(self, event: AccessEvent) -> None:
        """Write the event in the writer's next batch."""
        await self.write(lambda tx: tx.events.append(event))

    async def check(self) -> None:
        """Check the file's schema version, and that its disk takes writes. Raises StartRefused, Unavailable."""
        await self._readers.read(lambda tx: check_schema(tx.connection))
        free = shutil.disk_usage(self.path.parent).free
        metrics.DISK_FREE.set(free)
        if free < MIN_FREE:
            raise DatabaseUnfit("disk", _NO_SPACE)
        if self._writer.disk_failed:
            try:
                await self.write(_rewrite_header, urgent=True)
            except Unavailable as error:
                raise DatabaseUnfit("disk", _NO_SPACE) from error
            self._writer.disk_failed = False

    async def scrub(self, *, moved: bool = False) -> bool:
        """Checkpoint and truncate the WAL; freed bytes in the database file are overwritten with zeros."""
        if moved:
            await clear_pages(self)
        return await self._threads.run(self._checkpointer.empty)

    def close(self) -> None:
        """Finish queued work, close the file and release its lock."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._checkpointer.close()
        self._readers.close()
        self._threads.close()
        for driver in self._drivers:
            self._file.leave(driver)
        self._opened.close()
        self._file.close()


def _rewrite_header(tx: Transaction) -> None:
    """Write a page without a change of its content, which shows whether the disk takes it."""
    version = tx.connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    tx.connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")


def _end_leases(connection: Connection, mode: StartMode) -> None:
    """End the leases: the lock shows that the process that held them is gone."""
    if mode is not StartMode.READ:
        Transaction(connection).lease_holders.end_all()


def _lock(path: Path, mode: StartMode) -> int:
    """Lock the lock file until the returned descriptor is closed. Raises StartRefused."""
    if not mode.makes_schema:
        require_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise StartRefused(
            f"{path.parent} should be a directory, and there is a file in its place. Set VAULT_DATA_DIR to "
            "another path."
        ) from error
    except OSError as error:
        raise StartRefused(
            f"This user cannot write to {path.parent}. Make it this user's, or set VAULT_DATA_DIR to another path."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StartRefused(
            f"Another process holds {path}. Stop it, or use it: commands reach a running server "
            "through its control socket in the data directory."
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise StartRefused(f"The file system of {path} has no locks. Use a local disk.") from error
    return descriptor


def _prepare_file(path: Path, mode: StartMode) -> None:
    """Create the file if it is missing; migrate it where the mode does that, else compare its schema.

    Raises StartRefused.
    """
    _create_private(path)
    is_empty = not path.stat().st_size
    if mode is StartMode.SERVE or (is_empty and mode.makes_schema):
        migrate_sqlite(path, restoring=mode is StartMode.RESTORE)
    else:
        check_sqlite(path)


def _create_private(path: Path) -> None:
    """Create the file if it is missing, with mode 0600; SQLite gives its WAL the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _engine(path: Path, *, read_only: bool = False) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
        try:
            _prepare(connection, path, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=_READERS, isolation_level="AUTOCOMMIT"
    )


def _prepare(connection: sqlite3.Connection, path: Path, *, read_only: bool) -> None:
    # WAL first, once: two connections that set it concurrently get lock errors.
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise StartRefused(f"The file system of {path} has no shared memory. Use a local disk.")
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchone()
    define_sqlite_now(connection)
    if read_only:
        connection.execute("PRAGMA query_only=1")
