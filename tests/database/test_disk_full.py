"""A full disk: writes fail together, nothing acknowledged is lost, and room is used without reopening."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vault
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import Unavailable

pytestmark = pytest.mark.faults

ROOT = Path(vault.__file__).parents[1]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB; mounting one needs root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder],
        check=False,
        capture_output=True,
        text=True,
    )
    if mounted.returncode != 0:
        reason = f"cannot mount a small tmpfs, which needs root and CAP_SYS_ADMIN: {mounted.stderr.strip()}"
        if os.environ.get("CALLVAULT_REQUIRE_ALL") == "1" and os.geteuid() == 0:
            pytest.fail(f"CALLVAULT_REQUIRE_ALL=1, but this test {reason}", pytrace=False)
        pytest.skip(reason)
    yield folder
    subprocess.run(["umount", folder], check=True)


async def write_group(database: SqliteDatabase, number: int) -> list[str]:
    """Write ten facts concurrently; return the names of those that were acknowledged."""
    names = [f"{number}-{n}" for n in range(10)]
    writes = [database.write(lambda tx, name=name: tx.metadata.put({name: b"x" * 10_000})) for name in names]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert all(answer is None or isinstance(answer, Unavailable) for answer in answers), answers
    return [name for name, answer in zip(names, answers, strict=True) if answer is None]


async def facts(database: SqliteDatabase) -> set[str]:
    """Return the names of all facts."""
    query = "SELECT name FROM vault_metadata WHERE name <> 'oldest_schema_served'"
    return set(await database.read(lambda tx: tx.connection.exec_driver_sql(query).scalars().all()))


async def test_a_full_disk_and_room_again(small_disk: Path):
    """Groups fail as a whole, reads go on, and when a file is deleted the same database writes again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 1_000_000)
    database = SqliteDatabase(small_disk / "data" / "vault.db")
    acknowledged: set[str] = set()
    number, lost = 0, 0
    while lost < 3:
        done = await write_group(database, number)
        acknowledged.update(done)
        lost += not done
        number += 1
    assert await facts(database) == acknowledged
    ballast.unlink()
    done = await write_group(database, number)
    assert len(done) == 10
    acknowledged.update(done)
    database.close()
    reopened = SqliteDatabase(small_disk / "data" / "vault.db")
    assert await facts(reopened) == acknowledged
    check = "PRAGMA integrity_check"
    assert await reopened.read(lambda tx: tx.connection.exec_driver_sql(check).scalar_one()) == "ok"
    reopened.close()
    print(f"{len(acknowledged)} acknowledged, {lost} groups failed")


LIMITED = """
import asyncio, pathlib, resource, signal, sys
from vault.database.engines.sqlite import SqliteDatabase
from vault.errors import Unavailable

async def main():
    database = SqliteDatabase(pathlib.Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    failed = 0
    for number in range(200):
        if failed == 3:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        names = [f"{number}-{n}" for n in range(5)]
        answers = await asyncio.gather(
            *(database.write(lambda tx, name=name: tx.metadata.put({name: b"x" * 10_000})) for name in names),
            return_exceptions=True,
        )
        done = [name for name, answer in zip(names, answers) if answer is None]
        assert all(answer is None or isinstance(answer, Unavailable) for answer in answers), answers
        failed += not done
        print(*done, flush=True)
        if failed >= 3 and done:
            print("healed", flush=True)
            break
    database.close()

asyncio.run(main())
"""


async def test_a_file_that_may_not_grow(tmp_path: Path):
    """An I/O error (a limit on the file's size) fails whole groups, and ends with its cause."""
    path = tmp_path / "vault.db"
    command = [sys.executable, "-c", LIMITED, str(path)]
    run = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    said = run.stdout.split()
    assert said.pop() == "healed"
    database = SqliteDatabase(path)
    assert await facts(database) == set(said)
    database.close()
