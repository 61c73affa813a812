"""A SQLite file that is replaced under the running process: noticed before anything is read or written.

By rename and by content; and the file that was put there, and what the old one had, are left as they are.

Copies of rows that SQLite leaves in the unallocated space of its pages are overwritten, and nothing else is.
"""

import asyncio
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.moved_rows import deleted_keys_left
from vault.database.engines import sqlite_pages
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.engines.sqlite_backup import copy_database
from vault.database.engines.sqlite_pages import cleared
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


@pytest.fixture
def database(tmp_path: Path):
    """An empty database."""
    opened = SqliteDatabase(tmp_path / "vault.db")
    yield opened
    opened.close()


async def test_a_deleted_key_is_in_no_page_of_the_file(database: SqliteDatabase):
    """SQLite's own secure_delete leaves some; after the scrub of moved rows there is none, and the file is sound."""
    left = await deleted_keys_left(database)
    assert await database.scrub(moved=True)
    content = database.path.read_bytes()
    assert not [key for key in left if key in content]
    assert await database.read(lambda tx: tx.connection.exec_driver_sql("PRAGMA integrity_check").all()) == [
        ("ok",)
    ]


async def test_a_clean_file_is_not_written(database: SqliteDatabase):
    """A second scrub finds nothing to overwrite: not a byte of the file changes."""
    await deleted_keys_left(database)
    await database.scrub(moved=True)
    before = database.path.read_bytes()
    assert await database.scrub(moved=True)
    assert database.path.read_bytes() == before


async def test_rows_stay_while_others_write(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch):
    """Rows that are inserted and grow while pages are overwritten, one at a time, are what was written."""
    monkeypatch.setattr(sqlite_pages, "_AT_ONCE", 1)
    await deleted_keys_left(database)
    written: dict[str, bytes] = {}

    async def write() -> None:
        for number in range(150):
            written[f"fact {number}"] = random.Random(number).randbytes(900)  # noqa: S311
            await database.write(lambda tx, n=f"fact {number}": tx.metadata.put({n: b"short"}))
            await database.write(lambda tx, n=f"fact {number}": tx.metadata.replace({n: written[n]}))

    await asyncio.gather(write(), database.scrub(moved=True))
    for name, value in written.items():
        assert await database.read(lambda tx, name=name: tx.metadata.get(name)) == value
    assert await database.read(lambda tx: tx.connection.exec_driver_sql("PRAGMA integrity_check").all()) == [
        ("ok",)
    ]


@pytest.mark.parametrize("seed", range(50))
def test_any_page_is_changed_in_its_unallocated_space_alone(seed: int):
    """Random bytes behind any header: never an error, never a longer page, and cells and pointers stay."""
    some = random.Random(seed)  # noqa: S311
    for _ in range(200):
        page = bytearray(some.randbytes(512))
        page[0] = some.choice([0, 2, 5, 10, 13, 255])
        page[3:5] = some.choice([0, 3, 40, 300, 65535]).to_bytes(2)
        page[5:7] = some.choice([0, 100, 400, 511, 512, 513, 60_000]).to_bytes(2)
        clean = cleared(bytes(page))
        if clean is None:
            continue
        begin = (12 if page[0] in {2, 5} else 8) + 2 * int.from_bytes(page[3:5])
        end = int.from_bytes(page[5:7])
        assert clean == page[:begin] + bytes(end - begin) + page[end:]
        assert cleared(clean) is None
