"""The file of a SQLite database: noticed if another one was put in its place while the process runs.

A file that was renamed into place has another inode. One that was copied over the old one has the same, and SQLite does
not notice: it would go on with a mixture of both. In WAL mode only checkpoints write to the file, and only this process
runs them, so its time of change is known between two checkpoints. If it is another one, the header and the page with
the log's head say whether the content is too. This costs one ``stat`` for each batch, and no statement.

Such a process runs nothing more, and no checkpoint: that would destroy the file that was put there. The write-ahead log
belongs to the old file, so it is put aside: SQLite would apply it to the new one at the next start.
"""

import ctypes
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vault.errors import DatabaseUnfit
from vault.structured_log import Log

_LOG: Final = Log(__name__)
_HEADER_BYTES: Final = 100
_LOG_HEAD: Final = "SELECT rootpage FROM sqlite_schema WHERE name = 'tree_head'"
#: Appended to the names of the files that are put aside.
ASIDE: Final = ".replaced"


class DatabaseFile:
    """Compares the file at a path with the one that was opened."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Take the file as it is now. No other process may write to it, and no checkpoint may run yet."""
        self._path = path
        self._beside: dict[Path, tuple[int, int]] = {}
        # Not closed before SQLite's own descriptors: closing one drops the locks of all.
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute(_LOG_HEAD).fetchone()
        self._page, self._offset = int(size), (int(page) - 1) * int(size)
        self._lock = threading.Lock()
        #: Odd while a checkpoint runs.
        self._turn = 0
        self.replaced = False
        stat = os.fstat(self._descriptor)
        self._inode = _inode(stat)
        self._take()

    def require_same(self) -> None:
        """Raise DatabaseUnfit if the file was replaced."""
        turn = self._turn
        try:
            stat = os.stat(self._path)  # noqa: PTH116 - a third of the time, for each batch
        except FileNotFoundError:
            self._note_replaced()
            raise _unfit() from None
        if _inode(stat) != self._inode:
            self._note_replaced()
        elif turn % 2 == 0 and (stat.st_mtime_ns, stat.st_size) != self._written and turn == self._turn:
            with self._lock:
                self._compare()
        if self.replaced:
            raise _unfit()

    @contextmanager
    def checkpoint(self) -> Iterator[None]:
        """Let a checkpoint write to the file. One at a time. Raises DatabaseUnfit if the file was replaced."""
        self.require_same()
        with self._lock:
            self._compare()
            if self.replaced:
                raise _unfit()
            self._turn += 1
            try:
                yield
            finally:
                self._take()
                self._turn += 1

    def leave(self, connection: sqlite3.Connection) -> None:
        """Before a connection is closed: let the last one run no checkpoint on a file that was replaced."""
        if not self.replaced:
            return
        if sys.version_info >= (3, 12):
            connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, True)
        else:
            # SQLite keeps a connection open while one of its statements is not finished: this one never is.
            unfinished = connection.execute("SELECT 1 UNION ALL SELECT 2")
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(unfinished))

    def close(self) -> None:
        """Close the descriptor, after all connections."""
        os.close(self._descriptor)

    def _take(self) -> None:
        for name in ("-wal", "-shm"):
            beside = self._path.with_name(self._path.name + name)
            with suppress(FileNotFoundError):
                self._beside[beside] = _inode(beside.stat())
        stat = os.fstat(self._descriptor)
        self._written = (stat.st_mtime_ns, stat.st_size)
        self._content = self._read()

    def _read(self) -> bytes:
        """Return the header and the page of the log's head, as they are in the file."""
        header = os.pread(self._descriptor, _HEADER_BYTES, 0)
        return header + os.pread(self._descriptor, self._page, self._offset)

    def _compare(self) -> None:
        """Compare the content if the time of change is another one. Called with the lock, between two checkpoints."""
        stat = os.fstat(self._descriptor)
        written = (stat.st_mtime_ns, stat.st_size)
        if written == self._written:
            return
        if self._read() == self._content:
            self._written = written  # Only touched.
        else:
            self._note_replaced()

    def _note_replaced(self) -> None:
        if self.replaced:
            return
        self.replaced = True
        _LOG.critical("database.replaced")
        for beside, inode in self._beside.items():
            with suppress(OSError):
                if _inode(beside.stat()) == inode:  # Not one that came with the new file.
                    beside.rename(beside.with_name(beside.name + ASIDE))


def _unfit() -> DatabaseUnfit:
    return DatabaseUnfit(
        "replaced",
        "The database's file was replaced while this process ran. Restart it; it then says whether `callvault restore` "
        "is needed.",
    )


def _inode(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino
