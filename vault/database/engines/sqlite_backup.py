"""Copy a SQLite database consistently while a server writes to it.

One read transaction covers the whole copy, so the copy is a snapshot, and SQLite does not restart the copy
after a write. Until it ends, the WAL cannot be reset and grows. The connection is read-only: it never runs a
checkpoint, which only the server may do.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from vault.errors import Invalid

#: Pages between two progress reports: one MiB.
_PAGES = 256


def copy_database(
    source: Path, target: Path, *, on_progress: Callable[[int, int], None], pages: int = _PAGES
) -> int:
    """Copy the database to a new file durably, and return its size in bytes.

    ``on_progress`` is called with the number of copied pages and of all pages. Raises Invalid if there is no
    database, if the target exists or cannot be written, or if the source cannot be read.
    """
    if not source.is_file():
        raise Invalid(f"There is no database at {source}. Set VAULT_DATA_DIR to the vault's data directory.")
    descriptor = _create(target)
    try:
        _copy(source, target, on_progress, pages)
        os.fsync(descriptor)
        _sync_folder(target.parent)
        return os.fstat(descriptor).st_size
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise Invalid(f"The database could not be copied to {target}: {error}.") from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _create(target: Path) -> int:
    try:
        return os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Invalid(
            f"{target} exists already. Name a new file: a backup never replaces another."
        ) from error
    except OSError as error:
        raise Invalid(f"{target} cannot be made: {error.strerror}.") from error


def _copy(source: Path, target: Path, on_progress: Callable[[int, int], None], pages: int) -> None:
    address = f"file:{quote(str(source.absolute()))}?mode=ro"
    with (
        closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)) as reading,
        closing(sqlite3.connect(target, isolation_level=None)) as writing,
    ):
        # An incomplete file is deleted, so it needs no journal.
        writing.execute("PRAGMA journal_mode=OFF").fetchone()
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        reading.backup(
            writing, pages=pages, progress=lambda _status, left, of: on_progress(of - left, of), sleep=0
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
