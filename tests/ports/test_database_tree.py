"""The tree over the access events, the same on SQLite and PostgreSQL."""

import asyncio
import random
import time
from datetime import timedelta

import pytest

from tests.support.counts import count
from tests.support.database_rows import NOW, event, logged, open_account
from tests.support.rfc6962 import mth
from vault.database.interface import Database
from vault.database.stores.audit_log.checkpoints import PublishedSize, StoredCheckpoint
from vault.database.stores.audit_log.log_tree import TreeHead
from vault.errors import LeaseLost, Tampered
from vault.tlog.hashing import EMPTY_ROOT, leaf_hash
from vault.tlog.proofs import consistency_proof, inclusion_proof, verify_consistency, verify_inclusion
from vault.tlog.tree import Frontier


async def append(database: Database, *events) -> None:
    """Append events in one transaction."""
    await database.write(lambda tx: [tx.events.append(one) for one in events])


async def grown(database: Database, count: int) -> list[bytes]:
    """Append events, several in a transaction, and return the leaves in the order of the tree."""
    events = [event(f"rec_{n}") for n in range(count)]
    for start in range(0, count, 97):
        await append(database, *events[start : start + 97])
    assert [one.event for one in await logged(database)] == events
    return [one.body for one in events]


async def test_an_empty_log_has_the_empty_root(database: Database):
    """Before the first event the head is that of no leaves, and nothing waits."""
    assert await database.read(lambda tx: tx.tree.head()) == TreeHead(size=0, root=EMPTY_ROOT)
    assert await database.read(lambda tx: tx.tree.waiting()) == 0
    assert await database.write(lambda tx: tx.tree.sequence(limit=10)) == 0
    assert await database.read(lambda tx: tx.tree.leaves(0, 0)) == []


async def test_events_have_dense_indexes_in_the_order_of_their_commits(database: Database):
    """Each event that was committed before another was begun stands before it, and no index is left out."""
    events = [event(f"rec_{n}") for n in range(20)]
    for one in events:
        await append(database, one)
        if one.recording_id == "rec_7":
            await logged(database)
    found = await logged(database)
    assert [one.index for one in found] == list(range(20))
    assert [one.event for one in found] == events
    assert [one.leaf for one in found] == [one.body for one in events]


async def test_the_tree_is_that_of_the_reference(database: Database):
    """Root, and nodes of every level, are those that RFC 6962 defines over all leaves; so are proofs."""
    leaves = await grown(database, 601)

    def read(tx):
        nodes = {
            (level, index): tx.tree.node(level, index)
            for level in range(10)
            for index in range(len(leaves) >> level)
        }
        proofs = [inclusion_proof(tx.tree.node, index, 601) for index in (0, 255, 256, 600)]
        return tx.tree.head(), nodes, proofs, consistency_proof(tx.tree.node, 300, 601)

    head, nodes, proofs, growth = await database.read(read)
    assert head == TreeHead(size=601, root=mth(leaves))
    for (level, index), found in nodes.items():
        assert found == mth(leaves[index << level : (index + 1) << level])
    for index, proof in zip((0, 255, 256, 600), proofs, strict=True):
        leaf = leaf_hash(leaves[index])
        verify_inclusion(index=index, size=601, leaf=leaf, root=head.root, proof=proof)
    verify_consistency(old_size=300, old_root=mth(leaves[:300]), size=601, root=head.root, proof=growth)


async def test_leaves_are_read_with_what_they_completed(database: Database):
    """A range of leaves comes with their stored hashes, and with the nodes of level 8 that end in it."""
    leaves = await grown(database, 520)
    found = await database.read(lambda tx: tx.tree.leaves(250, 520))
    assert [(one.index, one.leaf, one.hash) for one in found] == [
        (index, leaves[index], leaf_hash(leaves[index])) for index in range(250, 520)
    ]
    assert {one.account_id for one in found} == {"acct_a"}
    for start, end, ends in (
        (0, 255, []),
        (0, 256, [0]),
        (255, 512, [0, 1]),
        (256, 511, []),
        (256, 520, [1]),
    ):
        nodes = await database.read(lambda tx, s=start, e=end: tx.tree.completed(s, e))
        assert [(node.level, node.index) for node in nodes] == [(8, index) for index in ends]
        assert [node.hash for node in nodes] == [mth(leaves[i * 256 : i * 256 + 256]) for i in ends]


@pytest.mark.parametrize("level", [0, 3, 8])
async def test_a_node_that_is_not_complete_is_not_made_up(database: Database, level: int):
    """Asked for a node whose leaves are not all there, the tree raises."""
    await grown(database, 300)
    for index in (300 >> level, 1000):
        with pytest.raises(Tampered):
            await database.read(lambda tx, i=index: tx.tree.node(level, i))
    with pytest.raises(Tampered):
        await database.read(lambda tx: tx.tree.leaves(299, 301))


async def test_an_event_is_found_by_its_index_for_its_account_alone(database: Database):
    """Another account's index is as unknown as one that does not exist."""
    mine, theirs = event("rec_1"), event("rec_2", "acct_b")
    await append(database, mine, theirs)
    await logged(database)
    found = await database.read(lambda tx: [tx.events.at("acct_a", index) for index in range(3)])
    assert [one and one.event for one in found] == [mine, None, None]
    assert [one.event for one in await logged(database, "acct_b")] == [theirs]


async def test_what_is_rolled_back_leaves_no_gap(database: Database):
    """Functions that fail after they appended take their events with them, and nobody's index is lost."""
    await open_account(database)
    kept = []

    def fails(tx):
        tx.events.append(event("rec_lost"))
        tx.events.append(event("rec_lost"))
        raise ValueError

    for n in range(30):
        if n % 3 == 0:
            with pytest.raises(ValueError):  # noqa: PT011 - it is raised bare above
                await database.write(fails)
        else:
            kept.append(event(f"rec_{n}"))
            await append(database, kept[-1])
    found = await logged(database)
    assert [one.event for one in found] == kept
    assert [one.index for one in found] == list(range(20))
    head = await database.read(lambda tx: tx.tree.head())
    assert head.root == mth([one.body for one in kept])


@pytest.mark.faults
async def test_nothing_is_lost_or_doubled_under_load(database: Database):
    """Eight writers that sleep and roll back beside a sequencer: the tree holds what was committed, once."""
    rounds, committed = count("rounds of eight writers beside a sequencer", small=25, full=250), []

    class Undone(Exception):
        """The writer changed its mind."""

    async def write(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - it spreads the load
        for n in range(rounds):
            events = [event(f"rec_{number}_{n}_{k}") for k in range(chance.randrange(4))]
            undone, pause = chance.random() < 0.3, chance.random() / 100

            def function(tx, events=events, undone=undone, pause=pause):
                for one in events:
                    tx.events.append(one)
                    time.sleep(pause / 4)
                if undone:
                    raise Undone

            try:
                await database.write(function)
                committed.extend(events)
            except Undone:
                pass
            await asyncio.sleep(pause)

    writing = asyncio.gather(*(write(number) for number in range(8)))
    sizes = [0]
    while not writing.done():
        await database.write(lambda tx: tx.tree.sequence(limit=chance_limit(sizes)))
        sizes.append((await database.read(lambda tx: tx.tree.head())).size)
    await writing
    found = await logged(database)
    assert sizes == sorted(sizes)
    assert [one.index for one in found] == list(range(len(committed)))
    assert sorted(one.event.id for one in found) == sorted(one.id for one in committed)
    head = await database.read(lambda tx: tx.tree.head())
    leaves = [one.leaf for one in found]
    frontier, _ = Frontier().extend(map(leaf_hash, leaves))
    assert head == TreeHead(size=len(committed), root=frontier.root())
    print(f"{len(committed)} events of 8 writers, {len(sizes)} looks of the sequencer")


def chance_limit(sizes: list[int]) -> int:
    """Return a small batch size that changes from one to the next."""
    return 1 + len(sizes) % 7


async def test_a_settled_event_is_in_the_tree_when_its_write_returns(database: Database):
    """Together with everything that waited before it, and without the sequencer having run."""
    waiting, opened = [event(f"rec_{n}") for n in range(5)], event("rec_x", type="playback.open")
    await append(database, *waiting)

    def open_it(tx):
        tx.events.append(opened)
        tx.tree.settle()

    await database.write(open_it)
    found = await database.read(lambda tx: tx.events.page("acct_a", recording_id=None, start=0, limit=99))
    assert [one.event for one in found] == [*waiting, opened]
    assert await database.read(lambda tx: tx.tree.waiting()) == 0
    assert (await database.read(lambda tx: tx.tree.head())).root == mth([one.leaf for one in found])


async def test_a_checkpoint_of_one_size_is_kept_once(database: Database):
    """A second one of the same size does not replace the first, whatever it says; the largest is the last."""
    first = StoredCheckpoint(size=7, note=b"first", at=NOW)
    second = StoredCheckpoint(size=7, note=b"second", at=NOW + timedelta(seconds=1))
    smaller = StoredCheckpoint(size=3, note=b"smaller", at=NOW + timedelta(seconds=2))
    assert await database.read(lambda tx: tx.checkpoints.last()) is None
    kept = [
        await database.write(lambda tx, c=one: tx.checkpoints.keep(c)) for one in (first, second, smaller)
    ]
    assert kept == [first, first, smaller]
    assert await database.read(lambda tx: tx.checkpoints.last()) == first


async def test_a_checkpoint_that_nobody_anchored_gives_way(database: Database):
    """A release from before anchors kept what it signed: it is not the last one, and the anchored one replaces it."""
    first = StoredCheckpoint(size=7, note=b"first", at=NOW)
    await database.write(lambda tx: tx.checkpoints.keep(first))
    await database.write(
        lambda tx: tx.connection.exec_driver_sql("UPDATE checkpoints SET anchored_at = NULL") and None
    )
    assert await database.read(lambda tx: tx.checkpoints.last()) is None
    second = StoredCheckpoint(size=7, note=b"second", at=NOW + timedelta(seconds=1))
    assert await database.write(lambda tx: tx.checkpoints.keep(second)) == second
    assert await database.read(lambda tx: tx.checkpoints.last()) == second


async def test_one_publishes_and_says_how_far(database: Database):
    """The work is taken once; where it is done, size and moment are known, and it can be taken again."""
    minute = timedelta(minutes=1)
    await database.write(lambda tx: tx.checkpoints.keep(StoredCheckpoint(size=7, note=b"first", at=NOW)))
    assert await database.read(lambda tx: tx.checkpoints.publication()) == PublishedSize(size=0, at=None)
    assert await database.write(lambda tx: tx.checkpoints.claim_publication(lease=minute)) == 0
    assert await database.write(lambda tx: tx.checkpoints.claim_publication(lease=minute)) is None
    await database.write(lambda tx: tx.checkpoints.published(before=0, size=7, at=NOW))
    assert await database.read(lambda tx: tx.checkpoints.publication()) == PublishedSize(size=7, at=NOW)
    assert await database.write(lambda tx: tx.checkpoints.claim_publication(lease=minute)) == 7
    with pytest.raises(LeaseLost):
        await database.write(lambda tx: tx.checkpoints.published(before=0, size=8, at=NOW))


async def test_the_age_of_what_waits_is_told(database: Database):
    """On PostgreSQL the oldest event in the outbox says since when; nothing waits on SQLite, or afterwards."""
    await append(database, event("rec_1"), event("rec_2"))
    since = await database.read(lambda tx: tx.tree.waiting_since())
    waiting = await database.read(lambda tx: tx.tree.waiting())
    assert since == (NOW if waiting else None)
    await logged(database)
    assert await database.read(lambda tx: tx.tree.waiting_since()) is None
