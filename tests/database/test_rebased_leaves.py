"""A tree that parted from the anchored log is set back, takes its leaves in, and keeps its own behind them."""

import os
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import delete

from tests.support.counts import count
from tests.support.database_rows import NOW, event
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.access_log import event_outbox
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import Tampered
from vault.tlog.hashing import leaf_hash
from vault.tlog.proofs import consistency_proof, verify_consistency
from vault.tlog.tree import Frontier, read_frontier

pytestmark = pytest.mark.faults
Database = SqliteDatabase | PostgresqlDatabase
CHUNK = 256


class KilledError(Exception):
    """The process ends here."""


def made(number: int, name: str) -> list[AccessEvent]:
    """Return events of a history, each with a detail of its own."""
    return [event(sealed_detail=f"{name}{n}".encode()) for n in range(number)]


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root that vault.tlog gives."""
    return Frontier().extend(leaf_hash(one) for one in leaves)[0].root()


async def append(database: Database, events: Sequence[AccessEvent], *, sequenced: int) -> None:
    """Append events; on PostgreSQL so many of those that wait come into the tree now, on SQLite all do."""
    for start in range(0, len(events), 500):
        some = events[start : start + 500]
        await database.write(lambda tx, some=some: [tx.events.append(one) for one in some])
    left = sequenced
    while left:
        moved = await database.write(lambda tx, left=left: tx.tree.sequence(limit=min(left, 1000)))
        left -= moved or left


async def rebase(database: Database, anchored: Sequence[bytes], *, steps: int = 1 << 30) -> int:
    """Do as a restore does, but no more than ``steps`` transactions; return how many are left of them."""
    there = await leaves_of(database)
    pairs = zip(there, anchored, strict=False)
    fork = next((n for n, (own, other) in enumerate(pairs) if own != other), min(len(there), len(anchored)))

    async def step(function: Callable[[Any], Any]) -> Any:
        nonlocal steps
        if not steps:
            raise KilledError
        steps -= 1
        return await database.write(function)

    if fork < len(anchored):
        while not await step(lambda tx: tx.restore.set_back(fork, limit=300)):
            pass
        for start in range(fork, len(anchored), CHUNK):
            some = anchored[start : start + CHUNK]
            await step(lambda tx, start=start, some=some: tx.restore.leaves(start, some))
    while await step(lambda tx: tx.restore.take_waiting(limit=300)):
        pass
    return steps


async def leaves_of(database: Database) -> list[bytes]:
    """Return all leaves, and check that the stored tree is the one that vault.tlog makes of them."""

    def read(tx: Any) -> list[bytes]:
        head = tx.tree.head()
        leaves = [one.leaf for one in tx.tree.leaves(0, head.size)]
        assert read_frontier(tx.tree.node, head.size).root() == head.root == root(leaves)
        _, completed = Frontier().extend((leaf_hash(one) for one in leaves), every=8)
        for level in (8, 16):
            wanted = [node.hash for node in completed if node.level == level]
            assert tx.tree.hashes(level, 0, 1 << 40) == wanted
        return leaves

    return await database.read(read)


async def set_empty(database: Database) -> None:
    """Leave a tree without leaves."""
    while not await database.write(lambda tx: tx.restore.set_back(0, limit=10_000)):
        pass
    await database.write(lambda tx: tx.connection.execute(delete(event_outbox)) and None)


async def check(
    database: Database, anchored: Sequence[bytes], mine: Sequence[AccessEvent], there: set[str]
) -> None:
    """The anchored log is a beginning of the tree, own events follow in their order, and each is there once."""
    wanted = [*anchored, *(one.body for one in mine if one.id not in there)]
    assert await leaves_of(database) == wanted
    proof = await database.read(lambda tx: consistency_proof(tx.tree.node, len(anchored), len(wanted)))
    verify_consistency(
        old_size=len(anchored), old_root=root(anchored), size=len(wanted), root=root(wanted), proof=proof
    )
    page = await database.read(lambda tx: tx.events.page("acct_a", recording_id=None, start=0, limit=1 << 20))
    details = {one.event.id: one.event.sealed_detail for one in page}
    assert [details[one.id] for one in mine] == [one.sealed_detail for one in mine]


async def parted(database: Database, rng: random.Random) -> tuple[list[bytes], list[AccessEvent], set[str]]:
    """Fill the tree with one of two histories; return the other one, own events, and the ids in that one."""
    most = rng.choice((3, 40, 700, 700))
    if os.environ.get("CALLVAULT_FAULTS") == "1":
        most *= rng.choice((1, 5))
    common, lost, own = (rng.randrange(most) for _ in range(3))
    shared, gone, mine = made(common, "common"), made(lost, "lost"), made(own, "own")
    # Some events are in both: they waited for the sequencer when the standby was cut off.
    both = rng.randrange(min(lost, own) + 1)
    mine[:both] = gone[:both]
    rng.shuffle(mine)
    await set_empty(database)
    await append(database, shared, sequenced=common)
    await append(database, mine, sequenced=rng.randrange(own + 1))
    return [one.body for one in [*shared, *gone]], mine, {one.id for one in gone}


async def test_both_histories_stand_in_one_tree(database: Database):
    """Whatever the sizes, and once more changes nothing."""
    rng = random.Random(18)  # noqa: S311 - a seed that repeats
    for _ in range(count("forks", small=2, full=100)):
        anchored, mine, there = await parted(database, rng)
        await rebase(database, anchored)
        await check(database, anchored, mine, there)
        await rebase(database, anchored)
        await check(database, anchored, mine, there)


async def test_it_may_end_after_any_step(database: Database):
    """What was done by then is a sound tree, others may append and sequence, and the next attempt is right."""
    rng = random.Random(81)  # noqa: S311 - a seed that repeats
    for _ in range(count("interrupted forks", small=2, full=100)):
        anchored, mine, there = await parted(database, rng)
        late = made(5, "late")
        for one in late:
            try:
                await rebase(database, anchored, steps=rng.randrange(12))
            except KilledError:
                await append(database, [one], sequenced=rng.choice((0, 1, 700)))
            else:
                await append(database, [one], sequenced=1)
            mine.append(one)
        await rebase(database, anchored)
        leaves = await leaves_of(database)
        assert leaves[: len(anchored)] == anchored
        own = [one.body for one in mine if one.id not in there]
        assert sorted(leaves[len(anchored) :]) == sorted(own)
        assert [one for one in leaves[len(anchored) :] if one in set(own[:-5])] == own[:-5]


async def test_what_was_signed_published_and_read_goes_with_the_leaves(database: Database):
    """Checkpoints beyond the fork go, and publication begins there again."""
    await append(database, made(9, "own"), sequenced=9)
    for size in (3, 5, 9):
        kept = StoredCheckpoint(size=size, note=b"note", at=NOW)
        await database.write(lambda tx, kept=kept: tx.restore.published(kept, tiles=kept.size, at=NOW))
        await database.write(lambda tx, kept=kept: tx.checkpoints.keep(kept))
    await database.write(lambda tx: tx.restore.set_back(5, limit=100))
    last = await database.read(lambda tx: tx.checkpoints.last())
    assert last is not None
    assert last.size == 5
    query = "SELECT size FROM publication"
    assert await database.read(lambda tx: tx.connection.exec_driver_sql(query).scalar()) == 5


async def test_leaves_do_not_come_behind_a_gap(database: Database):
    """A step that came too early changes nothing."""
    await append(database, made(3, "own"), sequenced=3)
    with pytest.raises(Tampered):
        await database.write(lambda tx: tx.restore.leaves(4, [event().body]))
    assert len(await leaves_of(database)) == 3


async def test_own_leaves_come_back_when_the_process_starts(sqlite: SqliteDatabase):
    """SQLite: a restore that was killed after the tree was set back leaves nothing out."""
    mine = made(700, "own")
    await append(sqlite, mine, sequenced=0)
    await sqlite.write(lambda tx: tx.restore.set_back(100, limit=300))
    await sqlite.write(lambda tx: tx.restore.set_back(100, limit=300))
    sqlite.close()
    again = SqliteDatabase(sqlite.path)
    try:
        assert await leaves_of(again) == [one.body for one in mine]
    finally:
        again.close()
