"""An object store that goes back under a running vault: it is said, and all that the database holds is there again."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.objects import Kept
from tests.services.audit_log.test_access_log import leaves_of
from tests.services.backup.test_restore import erased, off
from tests.support.restoring import available, empty_house, write_all
from tests.support.s3_store import s3_store
from tests.support.service_house import AUDIO, SIGNER, House, new_house
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.domain.audit_log.anchor import AnchorPlace
from vault.domain.recordings.recording import State
from vault.errors import NotFound, RecordingMissing, Unavailable
from vault.objects.directory import DirectoryStore
from vault.ports.objects import ObjectStore
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.audit_log.store_loss import compare_anchors, rewrite_of
from vault.services.node.vault_identity import compare_with_store
from vault.thread_pools import Threads


@pytest.fixture(params=["directory", "moto"])
async def house(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A vault on SQLite, with its objects in a directory or in S3."""
    work = Threads("test-objects", 4)
    store: ObjectStore
    if request.param == "directory":
        store = DirectoryStore(tmp_path / "objects", work)
    else:
        store = s3_store(request.getfixturevalue("moto_url"), work, versioned=False)
    async with new_house(tmp_path, threads, objects=store) as made:
        yield made
    work.close()


async def contents(store: ObjectStore) -> dict[str, bytes]:
    """Return everything that lies in a store, as a backup of it would."""
    keys = [stored.key async for stored in store.list("")]
    return {key: await store.get(key) for key in keys}


async def put_back(store: ObjectStore, before: dict[str, bytes]) -> None:
    """Make a store what it was."""
    now = await contents(store)
    for key in now.keys() - before.keys():
        await store.delete(key)
    for key, body in before.items():
        if now.get(key) != body:
            await store.delete(key)
            await store.put(key, body)


async def rewrite(house: House) -> None:
    """Do what the worker does until nothing is left of the loss."""
    while await house.vault.jobs.rewrite_store.any_due():
        await house.vault.jobs.rewrite_store()
        await write_all(house)


async def went_back(house: House) -> list[dict[str, object]]:
    """Return the events that say so."""
    events = [json.loads(leaf) for leaf in await leaves_of(house)]
    return [event for event in events if event["type"] == "store.went_back"]


async def nothing_lost(*_places: object, **_known: object) -> bool:
    """Say of every listing of anchors that nothing is missing."""
    return False


@pytest.mark.parametrize("hidden", [False, True], ids=["at rest", "the log went on at that moment"])
async def test_a_store_of_a_minute_ago_is_noticed_and_filled_again(
    house: House,
    tmp_path: Path,
    threads: Threads,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    *,
    hidden: bool,
):
    """Audio is missing and not tampered with; a loss of the database right after brings back the present switch."""
    first, gone = await available(house, "rec-1"), await available(house, "rec-2")
    await write_all(house)
    assert not await house.vault.jobs.rewrite_store.find_loss()
    before = await contents(house.objects)
    lost, dropped = await available(house, "rec-3"), await erased(house, "rec-4")
    await house.vault.recordings.recordings.erase(house.account.id, gone, actor="key_test")
    assert await house.settle(gone) is State.ERASED
    await off(house)
    await write_all(house)
    audio = {
        key: body for key, body in (await contents(house.objects)).items() if lost in key and "/rec" in key
    }
    await put_back(house.objects, before)
    with pytest.raises(RecordingMissing, match="restore it"):
        await house.heard(lost)
    assert (await house.events(lost)).count("recording.missing") == 1
    assert "recording.tampered" not in await house.events()
    if hidden:
        # It went back between the listing of an anchor and its put; what is published then hides the loss.
        monkeypatch.setattr("vault.services.audit_log.anchor.compare_anchors", nothing_lost)
        await house.vault.accounts.switch.set(house.account.id, enabled=True, reason=None, actor="key_test")
        await off(house)
        while await house.vault.jobs.log_publisher.sequence():
            pass
        await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
        await replace(house.vault.jobs.log_publisher, publish_interval=timedelta(0)).publish()
    assert await house.vault.jobs.rewrite_store.find_loss()
    monkeypatch.undo()
    assert [record.message for record in caplog.records].count("store.went_back") == 1
    assert not await house.vault.jobs.rewrite_store.find_loss()
    assert len(await went_back(house)) == 1
    await rewrite(house)
    assert not await house.vault.jobs.rewrite_store.find_loss()
    # What had been erased came back with the old bucket.
    await replace(house.vault.jobs.sweep, grace=-timedelta(days=1))(everything=True)
    missing = (await replace(house.vault.backup.fsck, grace=-timedelta(days=1))(sample=9, rate=0)).findings
    assert [one for one in missing if "is missing" in one] == missing != []
    assert {one.split(":")[0] for one in missing} == {lost}
    switch = await house.vault.accounts.switch.read(house.account.id)
    async with empty_house(house, tmp_path / "new", threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert not await new.vault.jobs.rewrite_store.find_loss()
        assert await new.vault.accounts.switch.read(new.account.id) == switch
        assert not switch.enabled
        assert await new.heard(first) == AUDIO
        for one in (gone, dropped):
            assert await new.state(one) is State.ERASED
            with pytest.raises(NotFound):
                await new.heard(one)
        with pytest.raises(RecordingMissing):
            await new.heard(lost)
        for key, body in audio.items():
            await house.objects.put(key, body)
        assert await new.heard(lost) == AUDIO


async def test_a_start_notices_it(tmp_path: Path, threads: Threads):
    """Before anything is served, and once; what the vault's own object says is written again."""
    async with new_house(tmp_path, threads) as house:
        await write_all(house)
        before = {key: Kept(bytearray(kept.body), kept.at) for key, kept in house.objects.objects.items()}
        await off(house)
        await write_all(house)
        await compare_with_store(house.database, house.objects, SIGNER)
        assert await went_back(house) == []
        house.objects.objects = before
        for _ in range(2):
            await compare_with_store(house.database, house.objects, SIGNER)
        [event] = await went_back(house)
        known = json.loads((await leaves_of(house))[event["end"] - 1])
        assert (event["result"], known["type"]) == ("noticed", "switch.changed")
        assert event["first"] < event["end"]
        await rewrite(house)
        assert await house.database.read(rewrite_of) is None


async def test_a_look_at_rest_is_one_small_request(tmp_path: Path, threads: Threads):
    """A listing; before there are anchors, the published checkpoint as well. Nothing is written."""
    async with new_house(tmp_path, threads) as house:
        await write_all(house)
        await house.vault.jobs.rewrite_store.find_loss()
        before = await house.database.read(lambda tx: tx.metadata.get("store_look"))
        house.objects.calls.clear()
        assert not await house.vault.jobs.rewrite_store.find_loss()
        assert house.objects.calls in (["list"], ["list", "get"])
        assert await house.database.read(lambda tx: tx.metadata.get("store_look")) == before


async def test_a_crash_between_two_steps_leaves_the_rest_due(tmp_path: Path, threads: Threads):
    """Every step of a rewrite may be the last of a process; the next one goes on from there."""
    async with new_house(tmp_path, threads) as house:
        ids = [await available(house, f"rec-{n}", call_ref=f"call-{n}") for n in range(3)]
        await write_all(house)
        house.objects.objects = {
            key: kept for key, kept in house.objects.objects.items() if key.startswith("recordings/")
        }
        assert await house.vault.jobs.rewrite_store.find_loss()
        while await house.vault.jobs.rewrite_store.any_due():
            house.objects.fail(at=1, when="after")
            with suppress(Unavailable):
                await house.vault.jobs.rewrite_store()
            house.objects._failing.clear()
            await write_all(house)
        assert (
            await replace(house.vault.backup.fsck, grace=-timedelta(days=1))(sample=9, rate=0)
        ).findings == []
        for one in ids:
            assert await house.heard(one) == AUDIO


async def test_what_was_lost_between_two_publications_is_seen_by_whoever_anchors(
    tmp_path: Path, threads: Threads
):
    """A log that went on and was not published hides nothing: it is noticed before the next anchor is put."""
    async with new_house(tmp_path, threads) as house:
        await write_all(house)
        assert not await house.vault.jobs.rewrite_store.find_loss()
        before = {key: Kept(bytearray(kept.body), kept.at) for key, kept in house.objects.objects.items()}
        await off(house)
        assert await house.vault.jobs.write_account_objects()
        sign = replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign
        assert await sign()
        house.objects.objects = before
        await house.vault.accounts.accounts.open("other", name=None, locale=None, actor="key_test")
        assert await sign()
        assert len(await went_back(house)) == 1
        # The new anchor carries the leaves that the tiles of the old bucket lack.
        assert not await house.vault.jobs.rewrite_store.find_loss()
        await rewrite(house)
        assert (
            await replace(house.vault.backup.fsck, grace=-timedelta(days=1))(sample=9, rate=0)
        ).findings == []
        switch = await house.vault.accounts.switch.read(house.account.id)
        async with empty_house(house, tmp_path / "new", threads) as new:
            await new.vault.backup.restore(actor="operator")
            assert await new.vault.accounts.switch.read(new.account.id) == switch


async def test_it_is_noticed_on_postgresql(tmp_path: Path, threads: Threads, postgresql: PostgresqlDatabase):
    """Where events wait before they come into the tree."""
    async with new_house(tmp_path, threads, postgresql) as house:
        heard = await available(house, "rec-1")
        await write_all(house)
        before = {key: Kept(bytearray(kept.body), kept.at) for key, kept in house.objects.objects.items()}
        await off(house)
        await write_all(house)
        house.objects.objects = before
        assert await house.vault.jobs.rewrite_store.find_loss()
        await rewrite(house)
        assert len(await went_back(house)) == 1
        assert not await house.vault.jobs.rewrite_store.find_loss()
        assert (
            await replace(house.vault.backup.fsck, grace=-timedelta(days=1))(sample=9, rate=0)
        ).findings == []
        assert await house.heard(heard) == AUDIO


async def test_a_listing_while_an_anchor_is_replaced_is_no_loss(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """A listing beside another node may show neither its old anchor nor its new one: it is repeated."""
    await house.vault.audit_log.proofs.checkpoint()
    known = await house.database.read(lambda tx: tx.checkpoints.last())
    assert known is not None
    listed: list[int] = []
    anchors = PublishedLog.anchors

    async def late(log: PublishedLog) -> Sequence[AnchorPlace]:
        listed.append(len(listed))
        return [] if len(listed) == 1 else await anchors(log)

    monkeypatch.setattr(PublishedLog, "anchors", late)
    log = house.vault.node.recovery.published_log
    assert not await compare_anchors(house.database, log, await log.anchors(), anchored=known.size)
    assert len(listed) == 2
