"""Publishing the log: what lies in the object store is a log by itself, whatever fails on the way."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.services.audit_log.test_access_log import add, damage, leaves_of
from tests.support.rfc6962 import mth
from tests.support.service_house import SIGNER, House, with_clock
from vault.errors import LeaseLost, Tampered, Unavailable
from vault.services.audit_log.log_publisher import LogPublisher
from vault.services.audit_log.publication import copy_of
from vault.services.audit_log.published_tiles import CHECKPOINT
from vault.tlog.anchor_file import MAX_LEAVES, decode_anchor
from vault.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from vault.tlog.hashing import leaf_hash
from vault.tlog.note import Signer
from vault.tlog.tiles import grown_tiles, read_bundle

KNOWN = [SIGNER.verifier]


def publisher(house: House) -> LogPublisher:
    """Return the job without its pauses."""
    return replace(house.vault.jobs.log_publisher, publish_interval=timedelta(0))


async def publish(house: House) -> bool:
    """Sign what there is, and publish it."""
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    return await publisher(house).publish()


def free_the_lease(house: House) -> None:
    """Let the time pass for which a node that died holds the work."""
    with sqlite3.connect(house.database.path) as connection:
        connection.execute("UPDATE publication SET not_before = 0")
    connection.close()


def published(house: House) -> dict[str, bytes]:
    """Return what lies below ``log/``, but for anchors."""
    kept = house.objects.objects
    keys = [key for key in kept if key.startswith("log/") and not key.startswith("log/anchors/")]
    return {key.removeprefix("log/"): bytes(kept[key].body) for key in keys}


def check_published(house: House) -> list[bytes]:
    """Read the log from the object store alone, as anyone with the specification would; return its leaves.

    A tile that is not there in its width is read from the full one, which may have taken its place.
    """
    files = published(house)

    def file(path: str) -> bytes:
        return files.get(path) or files[path.partition(".p/")[0]]

    checkpoint = open_checkpoint(files["checkpoint"], KNOWN)
    assert files[f"checkpoints/{checkpoint.size:020}"] == files["checkpoint"]
    leaves: list[bytes] = []
    for tile in grown_tiles(0, checkpoint.size):
        if tile.level == 0:
            bundle = read_bundle(file(tile.bundle_path))[: tile.width]
            assert len(bundle) == tile.width
            assert file(tile.path)[: 32 * tile.width] == b"".join(leaf_hash(leaf) for leaf in bundle)
            leaves += bundle
        else:
            span = 256**tile.level
            hashes = [
                mth(leaves[n * span : (n + 1) * span]) for n in range(tile.start, tile.start + tile.width)
            ]
            assert file(tile.path)[: 32 * tile.width] == b"".join(hashes)
    assert mth(leaves) == checkpoint.root
    return leaves


async def test_the_object_store_holds_the_whole_log(house: House):
    """Leaves, hashes and checkpoint, after each of several growths, across the edge of a full tile."""
    for count in (1, 250, 1, 3, 600):
        await add(house, count)
        assert await publish(house)
        assert check_published(house) == await leaves_of(house)
    assert not await publish(house)
    # What stays for good is locked, and nothing else: not what is overwritten, and no tile that still grows.
    assert house.objects.locked == {
        f"log/{key}" for key in published(house) if key != "checkpoint" and ".p/" not in key
    }
    full = [key for key in published(house) if key.startswith("tile/entries/") and ".p/" not in key]
    assert full == ["tile/entries/000", "tile/entries/001", "tile/entries/002"]
    # Of a tile that is full, nothing narrower is left; the one that still grows keeps each of its widths.
    assert {key.split(".p/")[0] for key in published(house) if ".p/" in key} == {
        "tile/0/003", "tile/entries/003", "tile/1/000",
    }  # fmt: skip


async def test_every_published_checkpoint_stays(house: House):
    """Each lies under its size for good, and each is a beginning of the next."""
    sizes = []
    for count in (1, 2, 300):
        await add(house, count)
        await publish(house)
        sizes.append(len(await leaves_of(house)))
    leaves = await leaves_of(house)
    kept = {key: body for key, body in published(house).items() if key.startswith("checkpoints/")}
    assert sorted(kept) == [copy_of(size).removeprefix("log/") for size in sizes]
    for body, size in zip(kept.values(), sizes, strict=True):
        assert open_checkpoint(body, KNOWN).root == mth(leaves[:size])


async def test_publications_have_a_pause(house: House):
    """However fast the log grows, the next one waits for its time."""
    now = datetime.now(UTC)
    clocked = with_clock(house.vault.jobs.log_publisher, lambda: now)
    sign = replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign
    await add(house, 1)
    await sign()
    assert await clocked.publish()
    await add(house, 1)
    await sign()
    now += timedelta(seconds=29)
    assert not await clocked.publish()
    now += timedelta(seconds=1)
    assert await clocked.publish()
    # But for a great many leaves, which every anchor would have to carry.
    await add(house, clocked.publish_batch)
    await sign()
    assert await clocked.publish()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_whatever_fails_the_next_one_finishes(house: House, when: str):
    """Let each call of the object store fail in turn: afterwards the same log lies there, with no gap."""
    await add(house, 250)
    await publish(house)
    at, done = 1, False
    while not done:
        await add(house, 7)
        await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
        house.objects.fail(at=at, when=when)
        try:
            await publisher(house).publish()
        except Unavailable:
            # What lies there in the meantime is a whole log too, as old as its checkpoint.
            assert check_published(house) == (await leaves_of(house))[: len(check_published(house))]
            free_the_lease(house)
            assert await publish(house)
            at += 1
        else:
            done = True
        assert check_published(house) == await leaves_of(house)
    assert at > 5


async def test_two_nodes_publish_once(house: House):
    """While one node holds the work the other leaves it alone; when it died, the other goes on."""
    await add(house, 5)
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    assert (
        await house.database.write(lambda tx: tx.checkpoints.claim_publication(lease=timedelta(minutes=1)))
        == 0
    )
    assert not await publisher(house).publish()
    assert published(house) == {}
    free_the_lease(house)
    assert await publisher(house).publish()
    assert check_published(house) == await leaves_of(house)


async def test_a_log_that_was_set_back_overwrites_nothing(house: House):
    """The database came from an old backup: the store has a later checkpoint, and keeps it."""
    await add(house, 5)
    await publish(house)
    later = sign_checkpoint(Checkpoint(origin=SIGNER.name, size=1000, root=bytes(32)), SIGNER)
    await house.objects.put(CHECKPOINT, later)
    await add(house, 1)
    before = published(house)
    with pytest.raises(Tampered, match="another history"):
        await publish(house)
    assert published(house) == before


@pytest.mark.parametrize("case", ["other root", "other key", "no checkpoint"])
async def test_a_foreign_history_is_not_written_over(house: House, case: str):
    """What this log never was is left as it is."""
    await add(house, 5)
    await publish(house)
    other = Signer(name=SIGNER.name, secret=bytes(32))
    note = {
        "other root": sign_checkpoint(Checkpoint(origin=SIGNER.name, size=2, root=bytes(32)), SIGNER),
        "other key": sign_checkpoint(Checkpoint(origin=SIGNER.name, size=2, root=bytes(32)), other),
        "no checkpoint": b"hello\n",
    }[case]
    await house.objects.put(CHECKPOINT, note)
    await add(house, 1)
    before = published(house)
    with pytest.raises(Tampered):
        await publish(house)
    assert published(house) == before


async def test_a_long_backlog_is_anchored_and_published_step_by_step(house: House):
    """Thousands of events that the store has not seen: no anchor takes more than its share, the tiles the others."""
    await add(house, 3 * MAX_LEAVES)
    sizes, put = [], house.objects.put

    async def watching(key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        if key.startswith("log/anchors/"):
            anchor = decode_anchor(body, KNOWN)
            sizes.append((anchor.start, len(anchor.leaves)))
        return await put(key, body, if_absent=if_absent, locked=locked)

    house.objects.put = watching
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    leaves = await leaves_of(house)
    rest = len(leaves) - 3 * MAX_LEAVES
    assert sizes == [(n * MAX_LEAVES, MAX_LEAVES) for n in range(3)] + [(3 * MAX_LEAVES, rest)]
    assert check_published(house) == leaves[: 3 * MAX_LEAVES]
    last = await house.database.read(lambda tx: tx.checkpoints.last())
    assert last.size == len(leaves)


async def test_what_the_store_has_lost_is_published_again_under_its_lease(house: House):
    """All tiles are due again, as after a bucket that was set back: the lease is renewed on the way."""
    size = len(await leaves_of(house)) + 9000
    await add(house, size - len(await leaves_of(house)))
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    await publisher(house).publish()
    lost = [key for key in house.objects.objects if key.startswith(("log/tile/", "log/anchors/"))]
    for key in lost:
        del house.objects.objects[key]
    damage(house, "UPDATE publication SET size = 0")
    await add(house, 1)
    claimed: list[datetime] = []
    put = house.objects.put

    async def watching(key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        def read(tx):
            return tx.connection.exec_driver_sql("SELECT not_before FROM publication").scalar_one()

        claimed.append(datetime.fromtimestamp(await house.database.read(read) / 1e6, UTC))
        return await put(key, body, if_absent=if_absent, locked=locked)

    house.objects.put = watching
    assert await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    assert len({moment for moment in claimed if moment > datetime.now(UTC)}) == 2
    assert check_published(house) == (await leaves_of(house))[:size]
    # The loss is on record too.
    assert (await house.database.read(lambda tx: tx.checkpoints.last())).size == size + 2


async def test_a_node_that_slept_does_not_set_the_checkpoint_back(house: House):
    """Another node took over and published further: the first one finds out, and calls nobody a forger."""
    await add(house, 3)
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    original, further = house.objects.put, []

    async def put(key: str, body: bytes, **how: bool) -> bool:
        done = await original(key, body, **how)
        if key.startswith("log/checkpoints/") and not further:
            further.append(key)
            free_the_lease(house)
            await add(house, 5)
            assert await publish(house)
        return done

    house.objects.put = put  # type: ignore[method-assign]
    with pytest.raises(LeaseLost):
        await publisher(house).publish()
    house.objects.put = original  # type: ignore[method-assign]
    assert check_published(house) == await leaves_of(house)


async def test_checkpoints_between_two_published_ones_go(house: House):
    """Anchored every two seconds, and read by nobody once a later one is published; the newest stays."""
    sizes = []
    for _ in range(2):
        for _ in range(3):
            await add(house, 1)
            await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
        assert await publisher(house).publish()
        sizes.append(len(await leaves_of(house)))
    await add(house, 1)
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()

    def read(tx):
        return list(tx.connection.exec_driver_sql("SELECT size FROM checkpoints ORDER BY size").scalars())

    assert await house.database.read(read) == [*sizes, len(await leaves_of(house))]
    assert open_checkpoint(await house.vault.audit_log.proofs.checkpoint(), KNOWN).size == sizes[-1] + 1
