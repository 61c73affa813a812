"""What SQLite alone promises: one process, durable commits, private files, a short log, no key left over."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

import vault
from tests.support.counts import count
from tests.support.database_rows import available, begin_erasing, open_account, set_columns
from vault.database.engines import sqlite_wal
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import StartRefused

ROOT = Path(vault.__file__).parents[1]


def mode(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


async def test_commits_are_on_disk_before_anyone_hears_of_them(sqlite: SqliteDatabase):
    """The connection that writes has synchronous=FULL and a write-ahead log, and so have the readers."""

    def pragmas(tx):
        names = ("synchronous", "journal_mode", "wal_autocheckpoint", "secure_delete")
        return [tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names]

    assert await sqlite.write(pragmas) == [2, "wal", 0, 1]
    assert await sqlite.read(pragmas) == [2, "wal", 0, 1]


async def test_files_are_their_owners_alone(tmp_path: Path):
    """Data directory, database, log, shared memory and lock are closed to others, whatever the umask."""
    before = os.umask(0)
    try:
        database = SqliteDatabase(tmp_path / "data" / "vault.db")
        await database.write(lambda tx: tx.metadata.put({"x": b"x"}))
        assert mode(tmp_path / "data") == 0o700
        found = {path.name: mode(path) for path in (tmp_path / "data").iterdir()}
        names = ("vault.db", "vault.db-wal", "vault.db-shm", "vault.db.lock")
        assert found == dict.fromkeys(names, 0o600)
        database.close()
    finally:
        os.umask(before)


def test_a_loose_file_is_closed(tmp_path: Path):
    """A database that others could read, as a copy may be, is closed to them at start."""
    SqliteDatabase(tmp_path / "vault.db").close()
    (tmp_path / "vault.db").chmod(0o644)
    SqliteDatabase(tmp_path / "vault.db").close()
    assert mode(tmp_path / "vault.db") == 0o600


def test_a_second_process_is_refused(sqlite: SqliteDatabase):
    """It starts nothing, changes nothing and says why; after the first one ends it may start."""
    program = (
        "import sys, pathlib\nfrom vault.database.engines.sqlite import SqliteDatabase\n"
        "from vault.errors import StartRefused\n"
        "try:\n    SqliteDatabase(pathlib.Path(sys.argv[1])).close()\n"
        "except StartRefused as error:\n    sys.exit(str(error))\n"
    )

    def second() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, str(sqlite.path)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    refused = second()
    assert refused.returncode == 1
    assert refused.stderr.startswith("Another process holds ")
    with pytest.raises(StartRefused):
        SqliteDatabase(sqlite.path)
    sqlite.close()
    assert second().returncode == 0


def test_what_is_no_database_is_refused(tmp_path: Path):
    """A file of something else is left as it is, and so is a directory."""
    (tmp_path / "vault.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    (tmp_path / "folder.db").mkdir()
    for name in ("vault.db", "folder.db"):
        with pytest.raises(StartRefused, match="could not be opened"):
            SqliteDatabase(tmp_path / name)
    assert (tmp_path / "vault.db").read_bytes().startswith(b"not a database")


@pytest.mark.faults
@pytest.mark.parametrize(
    "change",
    [
        None,
        "UPDATE alembic_version SET version_num = '9999'; DELETE FROM vault_metadata",
        "UPDATE tree_head SET size = 7",
        "DROP TABLE access_events",
    ],
)
def test_a_refused_file_is_not_left_open(tmp_path: Path, change: str | None):
    """Opening that fails closes every connection itself, whatever refused it: the collector gets none."""
    path = tmp_path / "vault.db"
    if change is None:
        path.write_bytes(b"no database at all" * 1000)
    else:
        SqliteDatabase(path).close()
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(change)
    # The refusal is held while we look: its traceback keeps alive what was left open.
    with pytest.raises(StartRefused) as refused:
        SqliteDatabase(path)
    assert open_below(tmp_path) == [], refused.value


def open_below(folder: Path) -> list[str]:
    """Return the files below a folder that this process has open."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            targets.append(str(descriptor.readlink()))
    return [target for target in targets if target.startswith(f"{folder}/")]


async def test_the_log_stays_short_under_constant_readers(tmp_path: Path):
    """Many times the limit is written while overlapping readers never stop; the log stays near its limit."""
    limit = 1024 * 1024
    database = SqliteDatabase(tmp_path / "vault.db", log_limit=limit)
    log = tmp_path / "vault.db-wal"
    longest, done = 0, False

    async def read() -> None:
        while not done:
            await database.read(lambda tx: [tx.metadata.get(f"fact {n}") for n in range(20)])

    readers = [asyncio.ensure_future(read()) for _ in range(4)]
    writes = count("writes beside readers that never stop", small=300, full=3000)
    for number in range(writes):
        await database.write(lambda tx, n=number: tx.metadata.put({f"fact {n}": b"x" * 65536}))
        longest = max(longest, log.stat().st_size)
    done = True
    await asyncio.gather(*readers)
    database.close()
    print(f"wrote {writes * 65536 / limit:.0f} limits, the log was at most {longest / limit:.2f} limits")
    assert longest < 4 * limit
    assert not log.exists()


async def test_the_log_is_emptied_beside_the_copier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A scrub while another copy of the log is under way waits for it; nothing is left in the log."""
    monkeypatch.setattr(sqlite_wal, "_CHECKPOINT_INTERVAL", 0)
    database = SqliteDatabase(tmp_path / "vault.db")
    for number in range(50):
        await database.write(lambda tx, n=number: tx.metadata.put({f"fact {n}": b"x" * 1_000_000}))
        assert await database.scrub()
        assert (tmp_path / "vault.db-wal").stat().st_size == 0
    database.close()


@pytest.mark.faults
async def test_what_was_written_is_read_beside_the_copier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Whatever was committed is read next, while the log is copied and started over all the time."""
    monkeypatch.setattr(sqlite_wal, "_CHECKPOINT_INTERVAL", 0)
    database = SqliteDatabase(tmp_path / "vault.db")
    await open_account(database)
    for number in range(count("writes read back beside a copier without rest", small=500, full=30_000)):
        name = f"name {number}"
        await database.write(lambda tx, it=name: tx.accounts.rename("acct_a", name=it, locale="en"))
        found = await database.read(lambda tx: tx.accounts.find("acct_a"))
        assert found is not None
        assert found.name == name
    database.close()


async def test_a_log_that_was_copied_is_not_copied_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The next commit starts it over, and in many versions of SQLite a copy at that moment can lose commits."""
    said: list[str] = []
    connect = sqlite3.connect

    def watched(*args: object, **more: object) -> sqlite3.Connection:
        connection = connect(*args, **more)
        connection.set_trace_callback(lambda it: said.append(it) if "wal_checkpoint(" in it else None)
        return connection

    monkeypatch.setattr(sqlite_wal, "_CHECKPOINT_INTERVAL", 0.001)
    monkeypatch.setattr(sqlite_wal.sqlite3, "connect", watched)
    database = SqliteDatabase(tmp_path / "vault.db")
    for number in range(1, 4):
        await open_account(database, f"acct_{number}")
        async with asyncio.timeout(30):
            while len(said) < number:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        # What is written while it is copied may be copied at once.
        assert len(said) <= 5 * number
    database.close()


async def test_a_shredded_key_is_not_left_in_the_file(sqlite: SqliteDatabase):
    """After an erasure no byte of the wrapped key and the sealed blobs is anywhere in the database file."""
    await open_account(sqlite)
    recording = await available(sqlite)
    names = ("wrapped_key", "sealed_announcement", "sealed_details", "sealed_waveform")
    secrets = {name: os.urandom(200) for name in names}
    await set_columns(sqlite, recording.id, **secrets)
    sqlite.close()
    assert all(secret in sqlite.path.read_bytes() for secret in secrets.values())
    again = SqliteDatabase(sqlite.path)
    await again.write(lambda tx: begin_erasing(tx, "acct_a", recording.id))
    again.close()
    assert {path.name for path in sqlite.path.parent.iterdir()} == {"vault.db", "vault.db.lock"}
    left = sqlite.path.read_bytes()
    assert not any(secret[n : n + 8] in left for secret in secrets.values() for n in range(0, 192, 8))
