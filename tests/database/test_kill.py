"""kill -9 at random moments: every recording that was acknowledged is there when the database reopens.

kill -9 at random moments: after each, events, nodes and head of the log belong together.
"""

import asyncio
import random
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

import vault
from tests.support.counts import count
from tests.support.database_rows import logged
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.audit_log.log_tree import TreeHead
from vault.domain.recordings.recording import RecordingFilter
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier, read_frontier

ROOT = Path(vault.__file__).parents[1]
ANNOUNCER = """
import asyncio, pathlib, sys
from tests.support.database_rows import account, announcement
from vault.database.engines.sqlite import SqliteDatabase

async def announce(database, number):
    count = 0
    while True:
        answer = await database.announce(announcement(f"{sys.argv[2]}-{number}-{count}"))
        # The print is the acknowledgement: it comes after the call has returned.
        print(answer.recording_id, flush=True)
        count += 1

async def main():
    database = SqliteDatabase(pathlib.Path(sys.argv[1]))
    if await database.read(lambda tx: tx.accounts.find("acct_a")) is None:
        await database.write(
            lambda tx: tx.accounts.insert(account(), wrapped_key=b"w", wrapped_index_key=b"i")
        )
    await asyncio.gather(*(announce(database, number) for number in range(8)))

asyncio.run(main())
"""
WRITER = """
import asyncio, pathlib, sys
from tests.support.database_rows import event
from vault.database.engines.sqlite import SqliteDatabase

async def write(database):
    while True:
        events = [event("rec_1") for _ in range(3)]
        await database.write(lambda tx: [tx.events.append(one) for one in events])
        # The print is the acknowledgement: it comes after the call has returned.
        print("".join(one.id + "\\n" for one in events), end="", flush=True)

async def main():
    database = SqliteDatabase(pathlib.Path(sys.argv[1]))
    await asyncio.gather(*(write(database) for _ in range(8)))

asyncio.run(main())
"""


def acknowledged_until_killed(path: Path, run: int, chance: random.Random) -> set[str]:
    """Let a process announce until it is killed at a random moment; return what it acknowledged."""
    command = [sys.executable, "-c", ANNOUNCER, str(path), str(run)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(chance.randrange(1, 400))]
        process.kill()
        lines += process.stdout.readlines()
    return {line.strip() for line in lines if line.endswith("\n")}


def integrity(tx) -> str:
    """Let SQLite check the whole file."""
    return tx.connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()


@pytest.mark.faults
async def test_what_was_acknowledged_survives_kill(tmp_path: Path):
    """However often and whenever it is killed; rows that nobody was told of may be there too."""
    path = tmp_path / "data" / "vault.db"
    seed = secrets.randbelow(2**32)
    chance = random.Random(seed)  # noqa: S311 - a failure must be repeatable
    acknowledged: set[str] = set()
    for run in range(count("kills of a process that announces", small=5, full=40)):
        acknowledged |= await asyncio.to_thread(acknowledged_until_killed, path, run, chance)
        database = SqliteDatabase(path)
        rows = await database.read(
            lambda tx: tx.recordings.page("acct_a", RecordingFilter(), before=None, limit=1_000_000)
        )
        assert await database.read(integrity) == "ok"
        database.close()
        kept = {row.id for row in rows}
        missing = acknowledged - kept
        assert not missing, f"seed {seed}"
    assert len(acknowledged) > 100
    print(f"{len(acknowledged)} acknowledged, 0 missing, {len(kept - acknowledged)} present beside them")


def appended_until_killed(path: Path, chance: random.Random) -> list[str]:
    """Let a process append events until it is killed at a random moment; return what it acknowledged."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(chance.randrange(1, 600))]
        process.kill()
        lines += process.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


@pytest.mark.faults
async def test_the_tree_survives_kill(tmp_path: Path):
    """Acknowledged events are leaves, each once; the tree is that of its leaves, and goes on from there."""
    seed = secrets.randbelow(2**32)
    chance = random.Random(seed)  # noqa: S311 - a failure must be repeatable
    acknowledged: list[str] = []
    before: list[bytes] = []
    for _ in range(count("kills of a process that writes the log", small=4, full=40)):
        acknowledged += await asyncio.to_thread(appended_until_killed, tmp_path / "vault.db", chance)
        database = SqliteDatabase(tmp_path / "vault.db")
        found = await logged(database)
        leaves = [one.leaf for one in found]
        head = await database.read(lambda tx: tx.tree.head())
        stored = await database.read(lambda tx, size=head.size: read_frontier(tx.tree.node, size))
        database.close()
        made, _ = Frontier().extend(map(leaf_hash, leaves))
        assert [one.index for one in found] == list(range(len(found))), f"seed {seed}"
        assert head == TreeHead(size=len(leaves), root=made.root()), f"seed {seed}"
        assert stored == made, f"seed {seed}"
        assert leaves[: len(before)] == before, f"seed {seed}"
        assert set(acknowledged) <= {one.event.id for one in found}, f"seed {seed}"
        assert len(set(acknowledged)) == len(acknowledged)
        before = leaves
    print(f"{len(acknowledged)} events acknowledged, {len(before)} in the tree")
