"""Checkpoint SQLite's write-ahead log (WAL) into the database file, so that the WAL stays small.

A thread with its own connection runs a checkpoint every second, so no commit waits for it. Under steady load
that alone never catches up: the WAL is reset only when all of it is checkpointed and no reader needs its
old part. So when the WAL exceeds its limit, the writer runs a blocking checkpoint itself, between two
batches. After a crash SQLite recovers from the WAL.

Only one checkpoint runs at a time: SQLite answers "busy" to a second one immediately, without its busy
timeout. And no checkpoint runs concurrently with the writer unless the writer has written since the last one.
When the whole WAL is checkpointed, the writer's next commit resets it, and in SQLite before 3.51.3 (3.50.7,
3.44.6) a checkpoint that starts at that moment treats the beginning of the new WAL as checkpointed: readers
see old rows, and commits can be lost (https://sqlite.org/wal.html#walresetbug). A WAL with frames left to
checkpoint is never reset.
"""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from vault.database.engines.sqlite_file import DatabaseFile
from vault.errors import DatabaseUnfit
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds between two checkpoints of the thread.
_CHECKPOINT_INTERVAL = 1.0
#: Milliseconds that the writer waits for readers of the old part of a WAL at its limit, before it gives up. The
#: timeout grows in proportion to the WAL, so that slow readers cannot let it grow without bound.
_BUSY_TIMEOUT_MS = 50
_DEFAULT_BUSY_TIMEOUT_MS = 5000


class WalCheckpointer:
    """Checkpoints that keep one database's WAL near ``limit`` bytes."""

    def __init__(self, path: Path, *, limit: int, file: DatabaseFile) -> None:
        """Start the checkpoint thread. ``file`` is told of each checkpoint, which nothing else may run."""
        self._path, self._file = path, file
        self._wal = path.with_name(path.name + "-wal")
        self._limit = limit
        self._reset_above = limit
        self._checkpointing = threading.Lock()
        self._checkpointed_at = self._written_at()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sqlite-log-copier", daemon=True)
        self._thread.start()

    def keep_short(self, connection: sqlite3.Connection) -> None:
        """Reset the WAL if it is too large. Called by the writer, outside a transaction."""
        if not self._checkpointing.acquire(blocking=False):
            return
        try:
            size = self._wal.stat().st_size
            if size < self._reset_above:
                return
            # Retry only after more growth: each attempt can cost the writer its whole timeout.
            self._reset_above = size + self._limit // 4
            timeout_ms = _BUSY_TIMEOUT_MS * size // self._limit
            connection.execute(f"PRAGMA busy_timeout={timeout_ms}").fetchone()
            if self._checkpoint(connection, "TRUNCATE"):
                self._reset_above = self._limit
            connection.execute(f"PRAGMA busy_timeout={_DEFAULT_BUSY_TIMEOUT_MS}").fetchone()
        except (OSError, sqlite3.Error, DatabaseUnfit) as error:
            _LOG.warning("database.log_not_shortened", error=type(error).__name__)
        finally:
            self._checkpointing.release()

    def empty(self) -> bool:
        """Checkpoint the whole WAL and truncate it; return whether that succeeded."""
        with self._checkpointing, closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            try:
                return self._checkpoint(connection, "TRUNCATE")
            except (sqlite3.Error, DatabaseUnfit):
                return False

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            while not self._stop.wait(_CHECKPOINT_INTERVAL):
                with self._checkpointing:
                    self._checkpoint_if_written(connection)

    def _checkpoint_if_written(self, connection: sqlite3.Connection) -> None:
        if self._written_at() == self._checkpointed_at:
            return
        try:
            self._checkpoint(connection, "PASSIVE")
        except (sqlite3.Error, DatabaseUnfit) as error:
            _LOG.warning("database.checkpoint_failed", error=type(error).__name__)

    def _checkpoint(self, connection: sqlite3.Connection, mode: str) -> bool:
        """Run a checkpoint; return whether it was not blocked. Called with the lock held.

        Raises sqlite3.Error, and DatabaseUnfit if the file was replaced.
        """
        try:
            with self._file.checkpoint():
                busy, _, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            # Read after the checkpoint: a write during it is checkpointed after the next write.
            self._checkpointed_at = self._written_at()
        return not busy

    def _written_at(self) -> int | None:
        """Return when the WAL was last written, None if there is none. A reset by the writer is a write too."""
        try:
            return self._wal.stat().st_mtime_ns
        except FileNotFoundError:
            return None
