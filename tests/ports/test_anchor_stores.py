"""Anchors in every kind of object store: histories that anchor at the same time, by real threads and requests."""

import asyncio

from tests.fakes.log_database import LogDatabase
from tests.ports.conftest import Adapter
from tests.support.anchoring import anchor_of
from tests.support.counts import count
from tests.support.rfc6962 import mth
from vault.domain.audit_log.anchor import PREFIX, Relation
from vault.errors import Unavailable
from vault.ports.objects import ObjectStore
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import text_of
from vault.services.audit_log.published_tiles import PublishedLog

Shown = list[tuple[int, bytes]]


async def shortly(seconds: float) -> None:
    """Sleep for a fraction of the pauses between attempts."""
    await asyncio.sleep(seconds / 20)


def node(database: LogDatabase, store: ObjectStore) -> Anchor:
    """Return what a process of the database anchors with."""
    return anchor_of(database, store, sleep=shortly)


async def show(anchor: Anchor, database: LogDatabase, name: str, shown: Shown, *, rounds: int = 3) -> bool:
    """Log and show, a few times; say whether the last could be shown."""
    done = False
    for number in range(rounds):
        database.leaves.append(f"{name} {number} {len(database.leaves)}".encode())
        try:
            said = text_of(await anchor.covering(len(database.leaves)))
        except Unavailable:
            done = False
        else:
            shown.append((said.size, said.root))
            done = True
    return done


def one_history(shown: Shown, *databases: LogDatabase) -> bool:
    """Say whether all that was shown is a beginning of one of the logs."""
    return any(all(mth(one.leaves[:size]) == root for size, root in shown) for one in databases)


async def anchors(store: ObjectStore) -> list[str]:
    """Return the keys of all anchors."""
    return [stored.key async for stored in store.list(PREFIX)]


async def test_of_two_histories_one_is_shown(adapter: Adapter):
    """Four concurrent nodes on two databases: one history is shown, and it continues afterwards."""
    store = adapter.store
    for number in range(count("two histories in every kind of store", small=2, full=100)):
        for key in await anchors(store):
            await store.delete(key)
        shown: Shown = []
        one = LogDatabase()
        assert await show(node(one, store), one, "before", shown, rounds=2)
        two = one.copy()
        nodes = [
            show(node(base, store), base, name, shown)
            for base, name in ((one, "a"), (two, "b"), (one, "c"), (two, "d"))
        ]
        await asyncio.gather(*nodes)
        assert one_history(shown, one, two), number
        again = [await show(node(base, store), base, "again", shown) for base in (one, two)]
        assert sorted(again) == [False, True]
        assert one_history(shown, one, two), number
        # The database that goes on is the store's; the other one is told that it is not.
        standings = [await node(base, store).compare(base) for base in (one, two)]
        assert standings[again.index(True)] is Relation.SAME
        assert standings[again.index(False)] is Relation.FORKED


async def test_what_was_anchored_is_read_back_whole(adapter: Adapter):
    """Tiles and the leaves of the anchor are the log; a copy from before is behind it, and one that went on forked."""
    store, database = adapter.store, LogDatabase()
    shown: Shown = []
    anchor = node(database, store)
    database.leaves += [b"%d" % n for n in range(300)]
    assert await show(anchor, database, "first", shown, rounds=1)
    old = database.copy()
    assert await anchor.publication(await anchor.covering(301))
    assert await show(anchor, database, "later", shown, rounds=3)
    log: PublishedLog = anchor.published_log
    found = await log.newest()
    assert found is not None
    assert (found.tiles, found.checkpoint.size) == (301, 304)
    assert [leaf async for bundle in log.bundles(found) for leaf in bundle] == database.leaves
    assert len(await anchors(store)) == 1
    assert await anchor.compare(database) is Relation.SAME
    assert await anchor.compare(old) is Relation.BEHIND
    old.leaves.append(b"another")
    assert await anchor.compare(old) is Relation.FORKED
    assert await anchor.compare(LogDatabase()) is Relation.BEHIND
