"""Anchoring by the verbs: what is shown is anchored, what is anchored stays shown, and rest makes no request."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.services.audit_log.test_access_log import NOON, add, damage, exported, leaves_of, verified
from tests.services.audit_log.test_publish import check_published, publisher
from tests.support.restoring import house_over, write_all
from tests.support.service_house import SIGNER, House, another_node, with_clock
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.audit_log.anchor import PREFIX, AnchorPlace, Relation, parse_location
from vault.errors import Invalid, StartRefused, Tampered, Unavailable
from vault.settings import read_settings
from vault.thread_pools import Threads
from vault.tlog.checkpoint import open_checkpoint
from vault.tlog.proof_file import verify_proof_file

KNOWN = [SIGNER.verifier]


def anchors(house: House) -> list[int]:
    """Return the sizes of the anchors that lie in the object store."""
    places = [parse_location(key) for key in sorted(house.objects.objects) if key.startswith(PREFIX)]
    return [place.size for place in places if place is not None]


async def sign(house: House) -> bool:
    """Do what the worker does, without its pause."""
    return await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()


async def size_shown(house: House) -> int:
    """Return the size of the checkpoint that anybody gets."""
    return open_checkpoint(await house.vault.audit_log.proofs.checkpoint(), KNOWN).size


def shows(house: House, index: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """Return everything that shows the log up to an entry."""
    vault, account = house.vault, house.account.id
    return {
        "proof": lambda: vault.audit_log.proofs.prove_event(account, index),
        "export": lambda: exported(house, account),
        "operator's export": vault.audit_log.proofs.export_head,
    }


async def test_nothing_is_shown_that_is_not_in_the_object_store(house: House):
    """A checkpoint, a proof and an export each anchor what they show, and one anchor is left."""
    for _ in range(3):
        await add(house, 2)
        index = len(await leaves_of(house)) - 1
        for name, show in shows(house, index).items():
            await show()
            assert anchors(house) == [index + 1], name
    await add(house, 1)
    assert await size_shown(house) == index + 1
    assert anchors(house) == [index + 1]
    assert await sign(house)
    assert await size_shown(house) == index + 2
    assert anchors(house) == [index + 2]


async def test_anchoring_ends_with_the_vault(house: House):
    """It outlives the callers that wait for it, but not the store: closing cancels it and waits for its last call."""
    await add(house, 1)
    anchor, asked, answer = house.vault.jobs.log_publisher.anchor, asyncio.Event(), asyncio.Event()

    async def slow() -> list[AnchorPlace]:
        asked.set()
        try:
            await answer.wait()
        finally:
            # Like a thread, which cannot be cancelled.
            await asyncio.sleep(0.01)
            answer.set()
        return []

    anchor.published_log = SimpleNamespace(anchors=slow)
    caller = asyncio.ensure_future(anchor.covering(1))
    await asked.wait()
    caller.cancel()
    await asyncio.wait([caller])
    assert not answer.is_set()
    await anchor.close()
    assert answer.is_set()
    await anchor.close()


async def test_rest_makes_no_request(house: House):
    """Once everything is anchored and published, asking for it and looking for work leaves the store alone."""
    await write_all(house)
    size = len(await leaves_of(house))
    before = len(house.objects.calls)
    for _ in range(3):
        assert not await sign(house)
        assert not await publisher(house).publish()
        await house.vault.audit_log.proofs.prove_event(house.account.id, size - 1)
        await house.vault.audit_log.proofs.prove_growth(1, size)
        await size_shown(house)
        await exported(house, house.account.id)
    assert len(house.objects.calls) == before


async def test_one_node_anchors_at_a_time(house: House, tmp_path: Path, threads: Threads):
    """While one has the turn the others leave the store alone; where it died, they go on when its turn runs out."""
    await add(house, 1)
    token = await house.database.write(
        lambda tx: tx.singleton_leases.claim("anchor", lease=timedelta(seconds=10))
    )
    calls = len(house.objects.calls)
    assert not await sign(another_node(house, tmp_path, threads))
    assert len(house.objects.calls) == calls
    await house.database.write(lambda tx: tx.singleton_leases.pass_on("anchor", token, next_at=tx.now()))
    assert await sign(another_node(house, tmp_path, threads))
    assert await house.database.read(lambda tx: tx.singleton_leases.is_free("anchor"))


def test_how_often_is_a_setting():
    """Two seconds, unless it is set; 0 to 300."""
    assert read_settings({}).anchor_seconds == 2
    assert read_settings({"VAULT_ANCHOR_SECONDS": "0"}).anchor_seconds == 0
    for value in ("301", "-1", "2.5", "x"):
        with pytest.raises(StartRefused, match="VAULT_ANCHOR_SECONDS"):
            read_settings({"VAULT_ANCHOR_SECONDS": value})


async def test_a_vault_anchors_as_often_as_it_is_set(house: House):
    """The worker's verb has the pause of the settings."""
    assert house.vault.jobs.log_publisher.sign_interval == timedelta(seconds=2)
    now = NOON
    seldom = replace(
        with_clock(house.vault.jobs.log_publisher, lambda: now), sign_interval=timedelta(seconds=30)
    )
    assert await seldom.sign()
    await add(house, 1)
    now += timedelta(seconds=29.9)
    assert not await seldom.sign()
    now += timedelta(seconds=0.1)
    assert await seldom.sign()


async def test_without_the_object_store_what_is_anchored_is_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """Newer entries are refused with the remedy; nothing of them gets out, and afterwards everything does."""
    size = len(await leaves_of(house))
    await sign(house)
    await add(house, 3)
    call = house.objects._call

    def gone(name: str) -> bool:
        call(name)
        raise Unavailable("The fake does not answer.")

    monkeypatch.setattr(house.objects, "_call", gone)
    old = replace(house.vault.audit_log.proofs, max_checkpoint_age=timedelta(0)).checkpoint
    assert open_checkpoint(await old(), KNOWN).size == size
    leaf = (await leaves_of(house))[size - 1]
    assert verify_proof_file(
        await house.vault.audit_log.proofs.prove_event(house.account.id, size - 1), leaf, KNOWN
    )
    for show in shows(house, size + 2).values():
        with pytest.raises(Unavailable, match=r"object store cannot be reached.*Repeat once"):
            await show()
    with pytest.raises(Invalid):
        await house.vault.audit_log.proofs.prove_growth(1, size + 1)
    with pytest.raises(Unavailable):
        await sign(house)
    monkeypatch.undo()
    for show in shows(house, size + 2).values():
        await show()
    assert open_checkpoint(await old(), KNOWN).size == size + 3


def put_back(house: House, folder: Path) -> SqliteDatabase:
    """Return the database as it is now, for later."""
    folder.mkdir()
    source, target = sqlite3.connect(house.database.path), sqlite3.connect(folder / "vault.db")
    source.backup(target)
    source.close()
    target.close()
    return SqliteDatabase(folder / "vault.db")


@pytest.mark.parametrize("grown", [0, 2, 3, 8])
async def test_a_database_that_went_back_shows_nothing_of_its_own(
    house: House, tmp_path: Path, threads: Threads, grown: int
):
    """It lacks three entries that were shown, and grew meanwhile: below that size, to it, and past it."""
    await sign(house)
    shared = len(await leaves_of(house))
    async with house_over(house, put_back(house, tmp_path / "old"), threads) as back:
        await add(house, 3)
        await sign(house)
        await add(back, grown)
        lies = {key: bytes(kept.body) for key, kept in house.objects.objects.items()}
        standing = await back.vault.jobs.log_publisher.anchor.compare(back.database)
        assert standing is (Relation.FORKED if grown else Relation.BEHIND)
        if grown:
            for show in shows(back, shared + grown - 1).values():
                with pytest.raises(Unavailable, match=r"lacks.*callvault restore"):
                    await show()
            with pytest.raises(Unavailable):
                await sign(back)
        old = replace(back.vault.audit_log.proofs, max_checkpoint_age=timedelta(0)).checkpoint
        assert open_checkpoint(await old(), KNOWN).size == shared
        assert (
            not await publisher(back).publish() or check_published(back) == (await leaves_of(house))[:shared]
        )
        assert {key: lies[key] for key in lies if key.startswith(PREFIX)} == {
            key: bytes(kept.body) for key, kept in house.objects.objects.items() if key.startswith(PREFIX)
        }
        await add(house, 1)
        assert await sign(house)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_call_of_the_store_that_fails_shows_nothing_too_early(house: House, when: str):
    """Whichever fails, the next attempt succeeds, what was shown is anchored, and one anchor is left in the end."""
    at, failed = 1, True
    while failed:
        await add(house, 1)
        size = len(await leaves_of(house))
        calls = len(house.objects.calls)
        house.objects.fail(at=at, when=when)
        try:
            found = await house.vault.audit_log.proofs.anchor.covering(size)
            assert found.size == size
            assert size in anchors(house)
        except Unavailable:
            assert (
                await house.database.read(lambda tx: tx.checkpoints.last()) is None
                or await size_shown(house) < size
            )
        failed = len(house.objects.calls) - calls >= at
        house.objects._failing.clear()
        await add(house, 1)
        await house.vault.audit_log.proofs.export_head()
        assert anchors(house)[-1] == size + 1
        at += 1
    assert at > 4
    await add(house, 1)
    await sign(house)
    assert anchors(house) == [len(await leaves_of(house))]
    verified(await exported(house, None))


async def test_a_tree_that_was_changed_proves_nothing(house: House):
    """Proofs compare the tree with the anchored root in the transaction that they are made in."""
    await add(house, 300)
    await sign(house)
    size = len(await leaves_of(house))
    damage(house, "UPDATE tree_nodes SET hash = zeroblob(32) WHERE level = 8 AND position = 0")
    for show in (
        house.vault.audit_log.proofs.prove_event(house.account.id, size - 1),
        house.vault.audit_log.proofs.prove_growth(1, size),
        house.vault.audit_log.proofs.checkpoint(),
        house.vault.audit_log.proofs.export_entries(0, 1),
    ):
        with pytest.raises(Tampered, match="not the one that its last checkpoint signs"):
            await show
