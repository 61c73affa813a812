"""A SQLite file that is replaced under the running process: noticed before anything is read or written.

By rename and by content; and the file that was put there, and what the old one had, are left as they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vault.database.engines.sqlite import SqliteDatabase
from vault.database.engines.sqlite_backup import copy_database
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import DatabaseUnfit


def _rename(copy: Path, path: Path) -> None:
    copy.rename(path)


def _rename_and_clear(copy: Path, path: Path) -> None:
    """As an operator does who knows that a backup has no write-ahead log."""
    copy.rename(path)
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink()


def _overwrite(copy: Path, path: Path) -> None:
    shutil.copyfile(copy, path)


def _overwrite_with_times(copy: Path, path: Path) -> None:
    """``cp -p`` keeps the times of the backup."""
    shutil.copyfile(copy, path)
    shutil.copystat(copy, path)


def _remove(_copy: Path, path: Path) -> None:
    path.unlink()


_WAYS = [_rename, _rename_and_clear, _overwrite, _overwrite_with_times, _remove]


async def _append(database: SqliteDatabase, account: str) -> None:
    event = AccessEvent(
        type="account.opened", at=await database.read(lambda tx: tx.now()), account_id=None, actor=account
    )
    await database.write(lambda tx: tx.events.append(event))


def _backup(path: Path) -> Path:
    copy = path.with_name("copy.db")
    copy_database(path, copy, on_progress=lambda _done, _of: None)
    return copy


_READ = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
print(connection.execute("SELECT count(*) FROM access_events").fetchone()[0])
"""


def _rows(path: Path) -> int:
    """Count the events as the next process does: this one may keep the connections to the old file."""
    shown = subprocess.run([sys.executable, "-c", _READ, path], capture_output=True, check=True)
    return int(shown.stdout)


@pytest.mark.parametrize("replace", _WAYS)
@pytest.mark.parametrize("scrubbed", [True, False], ids=["checkpointed", "in the log"])
async def test_nothing_runs_on_a_file_that_was_replaced(
    sqlite: SqliteDatabase, replace: Callable[[Path, Path], None], scrubbed: bool
):
    """Reads, writes and the check of readiness are refused, and the file that was put there opens as it is."""
    await _append(sqlite, "first")
    copy = _backup(sqlite.path)
    await _append(sqlite, "second")
    if scrubbed:
        assert await sqlite.scrub()
    replace(copy, sqlite.path)
    ran: list[str] = []
    for call in (
        lambda: sqlite.read(lambda _tx: ran.append("read")),
        lambda: sqlite.write(lambda _tx: ran.append("write")),
        sqlite.check,
    ):
        with pytest.raises(DatabaseUnfit, match="was replaced"):
            await call()
    assert ran == []
    assert not await sqlite.scrub()
    sqlite.close()
    if replace is not _remove:
        # The second event is in the file of before alone, and in its write-ahead log, which is not applied to this one.
        assert _rows(sqlite.path) == 1


async def test_a_file_that_was_touched_is_the_same(sqlite: SqliteDatabase):
    """A new time alone is no other file, nor are other rights. Wrong: to compare the time alone."""
    for number in range(3):
        os.utime(sqlite.path)
        await _append(sqlite, str(number))
        assert await sqlite.scrub()
        sqlite.path.chmod(0o600)
    sqlite.close()
    assert _rows(sqlite.path) == 3


async def test_checkpoints_and_batches_at_the_same_time_raise_no_alarm(sqlite: SqliteDatabase):
    """The file changes with each checkpoint, also between two looks of a reader."""
    for number in range(200):
        await _append(sqlite, str(number))
        if number % 5 == 0:
            assert await sqlite.scrub()
        await sqlite.check()
    sqlite.close()
    assert _rows(sqlite.path) == 200
