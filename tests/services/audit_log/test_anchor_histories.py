"""Two histories of one log that anchor at the same time: whatever the order, only one of them is ever shown.

What an anchor meets in the object store: an older release's log, and what processes left that died.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.log_database import LogDatabase
from tests.services.audit_log.anchor_race import Node, Race
from tests.services.audit_log.test_access_log import add, damage, leaves_of
from tests.services.audit_log.test_anchor import anchors, put_back, sign, size_shown
from tests.services.audit_log.test_publish import free_the_lease, published, publisher
from tests.services.audit_log.wrong_anchors import OneListing, ShownFirst, SizeAlone, Stubborn, Trusting
from tests.support.anchoring import anchor_of
from tests.support.counts import count
from tests.support.restoring import empty_house, house_over, write_all
from tests.support.service_house import SIGNER, House
from vault.domain.audit_log.anchor import PREFIX, Relation
from vault.errors import Tampered, Unavailable
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.publication import copy_of
from vault.services.audit_log.published_tiles import CHECKPOINT
from vault.thread_pools import Threads
from vault.tlog.anchor_file import MAX_LEAVES
from vault.tlog.checkpoint import Checkpoint, sign_checkpoint


async def one_race(seed: int, make: Callable[..., Anchor] = anchor_of, *, dying: bool = False) -> bool:
    """Let two histories, forked at a random point, log and show beside each other; say whether one was shown."""
    race = Race(seed)
    old = LogDatabase()
    copies = [old.copy()]
    first = Node(race, old, "before", make)
    for number in range(race.random.randrange(1, 4)):
        race.start(first.work(1))
        await race.run()
        copies.append(old.copy())
        assert race.shown, number
    other = race.random.choice(copies)
    # Two nodes on each, of which some only ask.
    nodes = [
        Node(race, base, name, make) for base, name in ((old, "a"), (old, "b"), (other, "c"), (other, "d"))
    ]
    chosen = race.random.sample(nodes, race.random.randrange(2, 5))
    if dying:
        chosen[0].dies_in, chosen[0].dies_after = race.random.randrange(1, 9), race.random.random() < 0.5
    tasks = [race.start(node.work(race.random.randrange(1, 4))) for node in chosen]
    await race.run()
    assert race.one_history(old, other), seed
    assert dying or all(task.done() for task in tasks)
    # Liveness: once they do not cut across each other any more, one of them goes on; who died was started again.
    went_on = []
    for node in [
        Node(race, old, "again a", make),
        Node(race, other, "again c", make),
        *(chosen[1:] if dying else chosen),
    ]:
        node.dies_in = None
        before = len(race.shown)
        task = race.start(node.work(1))
        await race.run()
        went_on.append(task.done() and len(race.shown) > before)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    assert race.one_history(old, other), seed
    return any(went_on)


@pytest.mark.faults
async def test_two_histories_are_never_both_shown():
    """In every order of steps that is tried, all that was shown is one log; and afterwards one history goes on."""
    for seed in range(count("orders of two histories that anchor concurrently", small=40, full=20_000)):
        assert await one_race(seed), seed


@pytest.mark.faults
async def test_a_node_that_dies_at_any_call_of_the_store_leaves_one_history():
    """Before the effect of its n-th call or after it; started again, it or the other history goes on."""
    for seed in range(count("orders in which a node dies meanwhile", small=40, full=20_000)):
        assert await one_race(seed, dying=True), seed


@pytest.mark.faults
@pytest.mark.parametrize(
    "wrong",
    [
        partial(anchor_of, log=SizeAlone),
        partial(anchor_of, kind=OneListing),
        partial(anchor_of, kind=ShownFirst),
        partial(anchor_of, kind=Trusting),
        partial(anchor_of, kind=Stubborn),
    ],
    ids=["size alone", "one listing", "shown first", "trusting", "stubborn"],
)
async def test_a_wrong_anchor_is_found_out(wrong: Callable[..., Anchor]):
    """Each of these shows two histories, or leaves none that goes on, in one of the orders."""
    # The subtlest one needs four nodes in one of few orders.
    for seed in range(100, 3000):
        try:
            if not await one_race(seed, wrong):
                return
        except AssertionError:
            return

    pytest.fail("The proof does not notice it.")


async def no_pause(_seconds: float) -> None:
    """Wait for nothing."""


@pytest.mark.parametrize("same", [True, False])
async def test_a_log_of_the_release_before_goes_on(house: House, same: bool):
    """It was published and never anchored: the first anchor must go on from the published checkpoint."""
    await write_all(house)
    for key in [key for key in house.objects.objects if key.startswith(PREFIX)]:
        del house.objects.objects[key]
    damage(house, "UPDATE checkpoints SET anchored_at = NULL")
    anchor = house.vault.audit_log.proofs.anchor
    assert await anchor.compare(house.database) is Relation.SAME
    if not same:
        size = len(await leaves_of(house))
        note = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=size, root=bytes(32)), SIGNER)
        await house.objects.put(CHECKPOINT, note)
        assert await anchor.compare(house.database) is Relation.FORKED
        with pytest.raises(Unavailable, match="callvault restore"):
            await house.vault.audit_log.proofs.export_head()
        assert not anchors(house)
        return
    size = len(await leaves_of(house))
    assert await size_shown(house) == size
    assert anchors(house) == [size]


async def test_a_published_checkpoint_is_never_overwritten(house: House):
    """Under its size lies another one: nothing is published, and the log says so."""
    await sign(house)
    size = len(await leaves_of(house))
    other = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=size, root=bytes(32)), SIGNER)
    await house.objects.put(copy_of(size), other)
    with pytest.raises(Tampered, match="another checkpoint of this size"):
        await publisher(house).publish()
    assert "checkpoint" not in published(house)
    assert bytes(house.objects.objects[copy_of(size)].body) == other


async def test_an_anchor_of_a_process_that_died_is_in_nobodys_way(house: House):
    """It agrees, so the next attempt goes past it; the one after removes it."""
    await add(house, 1)
    dead = anchor_of(house.database, house.objects)
    draft = await house.database.read(dead._draft)
    await house.objects.put(draft.place.key, draft.body)
    size = len(await leaves_of(house))
    assert await sign(house)
    assert anchors(house) == [size, size]
    await add(house, 1)
    assert await sign(house)
    assert anchors(house) == [size + 1]


async def test_what_contradicts_a_shown_checkpoint_was_never_shown(
    house: House, tmp_path: Path, threads: Threads
):
    """The other history died between its put and its second listing: this one goes on without a hand."""
    await sign(house)
    async with house_over(house, put_back(house, tmp_path / "old"), threads) as back:
        await add(house, 2)
        await add(back, 5)
        await sign(house)
        dead = anchor_of(back.database, house.objects)
        draft = await back.database.read(dead._draft)
        await house.objects.put(draft.place.key, draft.body)
        assert await house.vault.audit_log.proofs.anchor.compare(house.database) is Relation.SAME
        assert await back.vault.audit_log.proofs.anchor.compare(back.database) is Relation.FORKED
        newest = await house.vault.backup.restore.published_log.newest()
        assert newest is not None
        assert newest.checkpoint.size == len(await leaves_of(house))
        await add(house, 1)
        assert await sign(house)
        assert anchors(house) == [len(await leaves_of(house))]


async def test_a_reader_waits_for_a_node_that_took_publication_over(house: House):
    """The lease ran out while a long tail was published, and another node did the same: the reader gets an answer."""
    await add(house, 2 * MAX_LEAVES)
    size = len(await leaves_of(house))
    first, other = (anchor_of(house.database, house.objects, sleep=no_pause) for _ in range(2))
    original, taken = house.objects.put, []

    async def put(key: str, body: bytes, **how: bool) -> bool:
        done = await original(key, body, **how)
        if key.startswith("log/checkpoints/") and not taken:
            taken.append(key)
            free_the_lease(house)
            kept = await house.database.read(lambda tx: tx.checkpoints.last())
            assert await other.publication(kept)
        return done

    house.objects.put = put
    kept = await first.covering(size)
    assert taken
    assert kept.size == size


async def test_a_missing_tile_is_named(house: House, tmp_path: Path, threads: Threads):
    """It does not come back by looking again, as an anchor does that a newer one has replaced."""
    await write_all(house)
    async with house_over(house, put_back(house, tmp_path / "old"), threads) as back:
        await add(house, 2)
        await write_all(house)
        await add(house, 1)
        assert await sign(house)
        assert await back.vault.audit_log.proofs.anchor.compare(back.database) is Relation.BEHIND
        for key in [key for key in house.objects.objects if key.startswith("log/tile/0/")]:
            del house.objects.objects[key]
        before = len(house.objects.calls)
        with pytest.raises(Tampered, match="missing: log/tile/0/000"):
            await back.vault.audit_log.proofs.anchor.compare(back.database)
        assert len(house.objects.calls) < before + 10
        assert await back.vault.node.recovery.check(checks=1)
        assert "a file of the log is missing" in (back.vault.node.recovery.state.reason or "")


async def test_two_anchors_that_no_database_knows_are_named(house: House, tmp_path: Path, threads: Threads):
    """Only a person can say which of the two counts: the refusal has both, and goes on once one is deleted."""
    await write_all(house)
    async with (
        house_over(house, put_back(house, tmp_path / "old"), threads) as back,
        empty_house(house, tmp_path / "new", threads) as new,
    ):
        await add(house, 2)
        await add(back, 5)
        await sign(house)
        other = await back.database.read(anchor_of(back.database, house.objects)._draft)
        await house.objects.put(other.place.key, other.body)
        keys = sorted(key for key in house.objects.objects if key.startswith(PREFIX))
        assert len(keys) == 2
        with pytest.raises(Tampered, match=f"{keys[0]} and {keys[1]}.*delete"):
            await new.vault.backup.restore(actor="operator")
        del house.objects.objects[keys[1]]
        await new.vault.backup.restore(actor="operator")
        assert (await leaves_of(new))[: len(await leaves_of(house))] == await leaves_of(house)
