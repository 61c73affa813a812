"""Restoring from a bucket that is damaged, stale or silent: named, never guessed, and begun again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.services.audit_log.test_access_log import leaves_of
from tests.services.backup.test_restore import erased, off, switch_of
from tests.support.parties import causes
from tests.support.restoring import available, copied, empty_house, house_over, write_all
from tests.support.service_house import AUDIO, SIGNER, WITHOUT_EVIDENCE, House
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.recordings.recording import State
from vault.domain.stored.account_object_name import PREFIX
from vault.domain.stored.manifest import decode_manifest
from vault.domain.stored.manifest import location_of as manifest_of
from vault.domain.stored.vault_facts import LOCATION as VAULT
from vault.errors import NotFound, Refused, Tampered, Unavailable
from vault.services.audit_log.published_tiles import CHECKPOINT
from vault.services.node.vault_identity import compare_with_store
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("victim", ["checkpoint", "hash", "leaf", "missing", "note", "tail"])
async def test_a_log_that_is_not_what_was_signed_restores_nothing(
    house: House, tmp_path: Path, threads: Threads, victim: str
):
    """A changed leaf, a missing file, a forged checkpoint: Tampered, and recovery mode stays."""
    await available(house, "rec-1")
    await write_all(house)
    await available(house, "rec-2", call_ref="call-2")
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    kept = house.objects.objects
    bundle = next(key for key in kept if key.startswith("log/tile/entries/"))
    anchor = next(key for key in kept if key.startswith("log/anchors/"))
    async with empty_house(house, tmp_path / "new", threads) as new:
        if victim in {"checkpoint", "hash"}:
            # As a release from before anchors left it.
            del kept[anchor]
            kept[CHECKPOINT].body[45 if victim == "checkpoint" else -10] ^= 1
        elif victim == "missing":
            del kept[bundle]
        elif victim == "leaf":
            kept[bundle].body[45] ^= 1
        else:
            kept[anchor].body[60 if victim == "note" else -10] ^= 1
        with pytest.raises(Tampered):
            await new.vault.backup.restore(actor="operator")
        assert await new.database.read(lambda tx: tx.tree.head().size) == 0
        assert await new.database.read(lambda tx: tx.accounts.find(house.account.id)) is None


async def test_damaged_objects_are_named_and_the_rest_is_restored(
    house: House, tmp_path: Path, threads: Threads
):
    """A manifest, a tombstone and an account's object that were changed: a finding each, nothing worse."""
    good = await available(house, "rec-1")
    bad = await available(house, "rec-2", call_ref="call-2")
    await erased(house, "rec-3")
    await write_all(house)
    objects = house.objects.objects
    place = manifest_of(house.account.id, bad)
    objects[place].body[objects[place].body.index(b'"wrapped_key":"') + 20] ^= 1
    tombstones = next(key for key in objects if key.startswith("tombstones/"))
    objects[tombstones].body[:1] = b"["
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert [finding.partition(":")[0] for finding in report.findings] == [tombstones, place]
        assert await new.heard(good) == AUDIO
        with pytest.raises(NotFound):
            await new.vault.recordings.recordings.read(new.account.id, bad)


async def test_an_account_whose_object_was_changed_is_named(house: House, tmp_path: Path, threads: Threads):
    """Its recordings cannot be opened, so they are named too; nothing is guessed."""
    await available(house, "rec-1")
    await write_all(house)
    place = next(key for key in house.objects.objects if key.startswith(PREFIX))
    house.objects.objects[place].body[-20] ^= 1
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings[0].startswith(place)
        assert f"{house.account.id}: its object is missing, so the account is lost." in report.findings
        assert await new.database.read(lambda tx: tx.recordings.by_id("rec-1")) is None


async def test_an_object_older_than_the_log_is_named(house: House, tmp_path: Path, threads: Threads):
    """The policy changed after the account's object was written: anyone who restores is told to look."""
    await write_all(house)
    place = next(key for key in house.objects.objects if key.startswith(PREFIX))
    stale = house.objects.objects[place]
    policy = replace(WITHOUT_EVIDENCE, quarantine_days=5)
    await house.vault.consent.policy.set(house.account.id, policy, if_version=None, actor="key_test")
    await write_all(house)
    assert place not in house.objects.objects
    for key in [key for key in house.objects.objects if key.startswith(PREFIX)]:
        del house.objects.objects[key]
    house.objects.objects[place] = stale
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert [
            finding.startswith(f"{house.account.id}: its object is older") for finding in report.findings
        ] == [True]


async def test_what_lost_its_manifest_is_kept_from_ears(house: House, tmp_path: Path, threads: Threads):
    """The erasure was not published any more, but its manifest is gone: restricted, named and on record."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    await write_all(house)
    del house.objects.objects[manifest_of(house.account.id, recording_id)]
    async with house_over(house, SqliteDatabase(old), threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert [finding.partition(":")[0] for finding in report.findings] == [recording_id]
        assert (await new.row(recording_id)).restricted
        assert await causes(new, recording_id) == ["restore"]
        assert "recording.restricted" in await new.events(recording_id)


@pytest.mark.parametrize("opened", [1, 2, 3])
async def test_a_database_that_went_on_from_an_old_copy_starts_and_serves_nothing(
    house: House, tmp_path: Path, threads: Threads, opened: int
):
    """Two histories: it starts in recovery mode, and a restore makes one of them that has both."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    await house.vault.accounts.switch.set(house.account.id, enabled=True, reason=None, actor="key_test")
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        # It is shorter than what was published, as long, or longer.
        for number in range(opened):
            await new.vault.accounts.accounts.open(
                f"other-{number}", name=None, locale=None, actor="key_test"
            )
        await compare_with_store(new.database, new.objects, SIGNER)
        assert VAULT not in new.objects.objects
        assert await new.vault.node.recovery.check()
        await new.vault.backup.restore(actor="operator")
        assert not await new.vault.node.recovery.check()
        for number in range(opened):
            await new.vault.accounts.accounts.find(f"other-{number}")
        assert (await leaves_of(new))[: len(await leaves_of(house))] == await leaves_of(house)


async def test_a_healthy_database_has_nothing_to_restore(house: House):
    """Neither a new one nor one that is ahead of what is published."""
    assert not await house.vault.node.recovery.check()
    with pytest.raises(Refused):
        await house.vault.backup.restore(actor="operator")
    await write_all(house)
    await available(house, "rec-1")
    assert not await house.vault.node.recovery.check()
    with pytest.raises(Refused):
        await house.vault.backup.restore(actor="operator")


async def test_a_restore_that_was_cut_short_begins_anew(house: House, tmp_path: Path, threads: Threads):
    """The object store fails at its n-th call: recovery mode stays, and the next restore does it all."""
    heard, gone = await available(house, "rec-1"), await erased(house, "rec-2")
    await off(house)
    await write_all(house)
    switch = await switch_of(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        at = 0
        while True:
            at += 1
            new.objects.fail(at=at, when="before")
            try:
                await new.vault.backup.restore(actor="operator")
                break
            except Unavailable:
                new.objects._failing.clear()
                assert await new.vault.node.recovery.check()
        new.objects._failing.clear()
        assert at > 10
        assert (await leaves_of(new))[:-1] == await leaves_of(house)
        assert await new.heard(heard) == AUDIO
        assert await new.state(gone) is State.ERASED
        assert await switch_of(new) == switch


async def test_a_store_without_room_does_not_keep_the_vault_from_starting(house: House):
    """What is there can be heard and erased; the vault's object is written at the next start."""
    put = house.objects.put

    async def full(_key: str, _body: bytes, **_how: bool) -> bool:
        raise Unavailable("There is no room.")

    house.objects.put = full
    await compare_with_store(house.database, house.objects, SIGNER)
    assert VAULT not in house.objects.objects
    house.objects.put = put
    await compare_with_store(house.database, house.objects, SIGNER)
    assert VAULT in house.objects.objects


async def test_an_old_manifest_lifts_no_restriction_of_the_copy(
    house: House, tmp_path: Path, threads: Threads
):
    """The copy has a restriction that the manifest in the bucket never got: the row is the newer one."""
    held = await available(house, "rec-1")
    await write_all(house)
    await house.vault.recordings.recordings.restrict(
        house.account.id, held, restricted=True, reason="asked", actor="key_test"
    )
    while await house.vault.jobs.log_publisher.sequence():
        pass
    old = copied(house, tmp_path / "old")
    await available(house, "rec-2", call_ref="call-2")
    while await house.vault.jobs.log_publisher.sequence():
        pass
    await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    await replace(house.vault.jobs.log_publisher, publish_interval=timedelta(0)).publish()
    async with house_over(house, SqliteDatabase(old), threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert (await new.row(held)).restricted
        await write_all(new)
        kept = new.objects.objects[manifest_of(house.account.id, held)]
        assert decode_manifest(bytes(kept.body)).recording.restricted
