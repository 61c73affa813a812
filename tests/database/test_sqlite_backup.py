"""A copy of a SQLite database in use: of one moment, whole, and its owner's alone."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vault.database.engines.sqlite import SqliteDatabase
from vault.database.engines.sqlite_backup import copy_database
from vault.errors import Invalid


@pytest.fixture
def source(tmp_path: Path):
    """A database of some hundred pages, whose rows tell of one counter twice."""
    path = tmp_path / "vault.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("CREATE TABLE a (n INTEGER, filler BLOB)")
        connection.execute("CREATE TABLE b (n INTEGER, filler BLOB)")
        for table in "ab":
            connection.executemany(f"INSERT INTO {table} VALUES (0, ?)", [(os.urandom(3000),)] * 200)  # noqa: S608
        yield path, connection


def none(_done: int, _of: int) -> None:
    """See nothing of the progress."""


def test_the_copy_is_of_one_moment_while_somebody_writes(source, tmp_path: Path):
    """A transaction changes both tables between any two pages; the copy has both as they were at the start."""
    path, writing = source
    told = []

    def write(done: int, of: int) -> None:
        told.append((done, of))
        writing.execute("BEGIN")
        writing.execute("UPDATE a SET n = n + 1")
        writing.execute("UPDATE b SET n = n + 1")
        writing.execute("COMMIT")

    size = copy_database(path, tmp_path / "copy.db", on_progress=write, pages=10)
    pages = told[-1][1]
    # It does not begin again with every write.
    assert len(told) <= pages // 10 + 1
    assert told[-1] == (pages, pages)
    assert size == (tmp_path / "copy.db").stat().st_size
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert {copy.execute(f"SELECT DISTINCT n FROM {table}").fetchall()[0] for table in "ab"} == {(0,)}  # noqa: S608
        assert copy.execute("SELECT count(*) FROM a").fetchone() == (200,)
    assert writing.execute("SELECT DISTINCT n FROM a").fetchall() == [(len(told),)]


def test_only_the_owner_reads_the_copy(source, tmp_path: Path):
    """Whatever the umask is, and there is nothing beside it."""
    before = os.umask(0)
    try:
        copy_database(source[0], tmp_path / "copies.db", on_progress=none)
    finally:
        os.umask(before)
    assert (tmp_path / "copies.db").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.glob("copies*")] == ["copies.db"]


def test_a_copy_of_a_database_that_crashed_holds_what_was_committed(source, tmp_path: Path):
    """The write-ahead log is read, and source and log stay as they are."""
    _path, writing = source
    writing.execute("UPDATE a SET n = 7")
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("vault.db", "vault.db-wal"):
        (crashed / name).write_bytes((tmp_path / name).read_bytes())
    before = {name: (crashed / name).read_bytes() for name in ("vault.db", "vault.db-wal")}
    copy_database(crashed / "vault.db", tmp_path / "copy.db", on_progress=none)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT DISTINCT n FROM a").fetchall() == [(7,)]
    assert {name: (crashed / name).read_bytes() for name in before} == before


def test_a_file_that_is_there_is_not_replaced(source, tmp_path: Path):
    """It may be the only good backup."""
    (tmp_path / "old.db").write_bytes(b"precious")
    with pytest.raises(Invalid, match="exists already"):
        copy_database(source[0], tmp_path / "old.db", on_progress=none)
    assert (tmp_path / "old.db").read_bytes() == b"precious"


def test_what_cannot_be_copied_leaves_no_file(source, tmp_path: Path):
    """No folder, no database, and a file that is none: each is a sentence."""
    (tmp_path / "garbage.db").write_bytes(b"garbage" * 1000)
    for path, target, sentence in (
        (source[0], tmp_path / "missing" / "copy.db", "cannot be made"),
        (tmp_path / "none.db", tmp_path / "copy.db", "There is no database"),
        (tmp_path / "garbage.db", tmp_path / "copy.db", "could not be copied"),
    ):
        with pytest.raises(Invalid, match=sentence):
            copy_database(path, target, on_progress=none)
        assert not target.exists()


def test_a_copy_opens_as_a_vaults_database(tmp_path: Path):
    """While the original is open."""
    database = SqliteDatabase(tmp_path / "vault.db")
    try:
        copy_database(tmp_path / "vault.db", tmp_path / "copy.db", on_progress=none)
    finally:
        database.close()
    SqliteDatabase(tmp_path / "copy.db").close()
