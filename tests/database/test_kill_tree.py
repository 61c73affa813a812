"""kill -9 at random moments: after each, events, nodes and head of the log belong together."""

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
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier, read_frontier

ROOT = Path(vault.__file__).parents[1]
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


def acknowledged_until_killed(path: Path, chance: random.Random) -> list[str]:
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
        acknowledged += await asyncio.to_thread(acknowledged_until_killed, tmp_path / "vault.db", chance)
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
