"""Copies of rows that SQLite leaves in the unallocated space of its pages are overwritten, and nothing else is."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.support.moved_rows import deleted_keys_left
from vault.database.engines import sqlite_pages
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.engines.sqlite_pages import cleared


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
