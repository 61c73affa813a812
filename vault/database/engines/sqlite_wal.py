"""Copies SQLite's write-ahead log into the database file, so that the log stays short.

A thread with a connection of its own copies what is there every second, so that no commit waits for
it. Under steady load that alone never catches up: the log starts over only at a moment when all of
it was copied and no reader needs its old part. So when the log is longer than its limit, the writer
makes that moment itself, between two groups. A crash leaves a log that SQLite reads again.

One copies at a time: SQLite answers whoever comes second "busy" at once, with no patience. And nothing is
copied beside the writer unless it wrote since the last copy. Where all of the log is copied, the writer's
next commit starts it over, and in SQLite before 3.51.3 (3.50.7, 3.44.6) a copy that begins at that very
moment takes the new log's beginning for copied: readers see old rows, and commits can be lost
(https://sqlite.org/wal.html#walresetbug). A log with something left to copy is never started over.
"""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds between two copies beside the writer.
_CHECKPOINT_INTERVAL = 1.0
#: Milliseconds that the writer waits for readers of the old part before it goes on without, for a log at its
#: limit: twice as long for one that is twice as long, so that slow readers cannot let it grow for ever.
_BUSY_TIMEOUT_MS = 50
_DEFAULT_BUSY_TIMEOUT_MS = 5000


class WalCheckpointer:
    """Keeps one database's write-ahead log near ``limit`` bytes."""

    def __init__(self, path: Path, *, limit: int) -> None:
        """Start the copying thread."""
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._limit = limit
        self._start_over_at = limit
        self._copying = threading.Lock()
        self._seen = self._written_at()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._copy, name="sqlite-log-copier", daemon=True)
        self._thread.start()

    def keep_short(self, connection: sqlite3.Connection) -> None:
        """Start the log over if it is too long. Called by the writer, outside a transaction."""
        if not self._copying.acquire(blocking=False):
            return
        try:
            size = self._log.stat().st_size
            if size < self._start_over_at:
                return
            # Another try makes sense only after a while: each costs the writer its patience.
            self._start_over_at = size + self._limit // 4
            patience = _BUSY_TIMEOUT_MS * size // self._limit
            connection.execute(f"PRAGMA busy_timeout={patience}").fetchone()
            if self._checkpoint(connection, "TRUNCATE"):
                self._start_over_at = self._limit
            connection.execute(f"PRAGMA busy_timeout={_DEFAULT_BUSY_TIMEOUT_MS}").fetchone()
        except (OSError, sqlite3.Error) as error:
            _LOG.warning("database.log_not_shortened", error=type(error).__name__)
        finally:
            self._copying.release()

    def empty(self) -> bool:
        """Copy all of the log and cut it to nothing; say whether that could be done."""
        with self._copying, closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            try:
                return self._checkpoint(connection, "TRUNCATE")
            except sqlite3.Error:
                return False

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _copy(self) -> None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            while not self._stop.wait(_CHECKPOINT_INTERVAL):
                with self._copying:
                    self._copy_what_is_new(connection)

    def _copy_what_is_new(self, connection: sqlite3.Connection) -> None:
        if self._written_at() == self._seen:
            return
        try:
            self._checkpoint(connection, "PASSIVE")
        except sqlite3.Error as error:
            _LOG.warning("database.checkpoint_failed", error=type(error).__name__)

    def _checkpoint(self, connection: sqlite3.Connection, mode: str) -> bool:
        """Copy, and say whether nothing was in the way. Called with the lock held; raises sqlite3.Error."""
        try:
            busy, _, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            # Looked at after the copy: what came while it ran may wait for the next write.
            self._seen = self._written_at()
        return not busy

    def _written_at(self) -> int | None:
        """Return when the log was last written to. The writer writes once it has started the log over."""
        try:
            return self._log.stat().st_mtime_ns
        except FileNotFoundError:
            return None
