"""Rotation of an account's key: the new version seals, what there is follows, and the old one goes."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.rotation import (
    LINK,
    ME,
    all_under,
    before_months,
    everything_opens,
    fill,
    finish,
    manifest_of,
    rotate,
    step,
    versions,
)
from tests.support.service_house import SIGNER, House
from vault.control.rotation_commands import perform_rotation
from vault.errors import NotFound, Refused, Tampered, Unavailable
from vault.services.audit_log.access_log import EventFilter
from vault.tlog.key_statement import open_statement


async def test_nothing_is_left_under_the_old_version(either: House):
    """Rows of every kind follow, or their month keys; all opens before, between and after, on either database."""
    house = either
    recording_id = await fill(house)
    assert await versions(house) == all_under(1)
    manifest = manifest_of(house, recording_id)
    assert (await rotate(house)).current == 2
    await everything_opens(house, recording_id)
    await step(house)
    await everything_opens(house, recording_id)
    await finish(house)
    assert await versions(house) == all_under(2)
    assert manifest_of(house, recording_id) == manifest
    assert house.objects.older == {}
    with pytest.raises(NotFound):
        await house.vault.jobs.rewrap.ring.version(house.account.id, 1)
    await everything_opens(house, recording_id)


async def test_the_end_is_a_signed_statement(house: House):
    """It names the account, the version and no recordings, verifies with the public key alone, and is in the log."""
    await fill(house)
    rotation, account_id = house.vault.key_rotation.rotations, house.account.id
    await rotate(house)
    with pytest.raises(NotFound):
        await rotation.statement(account_id, 1)
    await finish(house)
    note = await rotation.statement(account_id, 1)
    text, _, signature = note.decode().partition("\n\n")
    lines = text.split("\n")
    size = int(lines.pop().removeprefix("size "))
    assert lines[:5] == [SIGNER.name, "key-statement/v1", account_id, "version 1", "recordings 0"]
    signed = base64.b64decode(signature.split()[-1])[4:]
    Ed25519PublicKey.from_public_bytes(SIGNER.verifier.public_key).verify(signed, text.encode() + b"\n")
    assert open_statement(note, [SIGNER.verifier]).recordings == 0
    page = await house.vault.audit_log.access_log.list_events(
        account_id, EventFilter(), start=size, limit=1000
    )
    said = [(one.event.type, one.event.result, one.event.at) for one, _ in page.items]
    assert [one[:2] for one in said] == [("key.rewrapped", "v1"), ("key.destroyed", "v1")]
    assert {one[2].strftime("%Y-%m-%dT%H:%M:%S.%fZ") for one in said} == {lines[5]}
    progress = await rotation.status(account_id)
    assert [(one.version, one.rewrapped, one.statement) for one in progress.rotations] == [(1, 2, note)]
    assert (progress.current, progress.remaining) == (2, {})


async def test_a_statement_waits_for_the_anchor(house: House, monkeypatch: pytest.MonkeyPatch):
    """While the object store is gone nobody gets it, and the command that waits for it begins nothing else."""
    await fill(house)
    await rotate(house)
    await finish(house)
    call = house.objects._call

    def gone(name: str) -> bool:
        call(name)
        raise Unavailable("The fake does not answer.")

    arguments = {"account": house.account.ref}
    with monkeypatch.context() as patch:
        patch.setattr(house.objects, "_call", gone)
        with pytest.raises(Unavailable, match="cannot be reached"):
            await house.vault.key_rotation.rotations.statement(house.account.id, 1)
        progress = await perform_rotation(house.vault, "rotate.step", arguments, actor=ME)
        assert progress["statement"] is None
    progress = await perform_rotation(house.vault, "rotate.step", arguments, actor=ME)
    assert open_statement(progress["statement"].encode(), [SIGNER.verifier]).version == 1


async def test_leaves_keep_their_commitment(house: House):
    """No leaf and no sealed detail changes, for the leaf commits to the detail's bytes; both generations open."""
    recording_id = await fill(house)

    async def logged() -> list[tuple[int, bytes, bytes | None]]:
        page = await house.vault.audit_log.access_log.list_events(
            house.account.id, EventFilter(), start=0, limit=1000
        )
        assert all(one.event.body == one.leaf for one, _ in page.items)
        return [(one.index, one.leaf, one.event.sealed_detail) for one, _ in page.items]

    before = await logged()
    for _ in range(2):
        await rotate(house)
        await house.vault.playback.links.create(house.account.id, recording_id, LINK, **ME)
        await finish(house)
    assert (await logged())[: len(before)] == before
    wanted = EventFilter(listener="Ada")
    page = await house.vault.audit_log.access_log.list_events(house.account.id, wanted, start=0, limit=1000)
    assert [detail["listener"] for _, detail in page.items] == ["Ada"] * 3
    assert await versions(house) == all_under(3)


async def test_one_rotation_at_a_time(house: House):
    """A second one is refused until the first has ended, and changes nothing; then it goes on to version 3."""
    await fill(house)
    await rotate(house)
    with pytest.raises(Refused) as caught:
        await rotate(house)
    assert caught.value.reasons == ("rotation_under_way",)
    await finish(house)
    assert (await rotate(house)).current == 3
    await finish(house)
    progress = await house.vault.key_rotation.rotations.status(house.account.id)
    assert [one.version for one in progress.rotations if one.destroyed_at] == [1, 2]


async def test_the_old_version_waits_for_manifests_and_for_requests(house: House):
    """Destroyed neither while a manifest lies under it, nor while a request may still hold a row of before."""
    await fill(house)
    await before_months(house)
    vault, rewrap = house.vault, replace(house.vault.jobs.rewrap, grace=timedelta())
    await rotate(house)
    for _ in range(20):
        await rewrap()
        await vault.jobs.write_account_objects()
    progress = await vault.key_rotation.rotations.status(house.account.id)
    assert progress.rotations[0].settled_at is None
    assert {kind: count for kind, count in progress.remaining.items() if count} == {"manifest": 1}
    await vault.jobs.write_manifests()
    for _ in range(5):
        await vault.jobs.rewrap()
        await vault.jobs.write_account_objects()
    assert (await vault.key_rotation.rotations.status(house.account.id)).rotations[0].destroyed_at is None
    await finish(house)


async def test_what_does_not_open_keeps_the_version(house: House):
    """One damaged row is passed over and says so each time; the others follow, and nothing is destroyed."""
    await fill(house)
    damaged = (await house.announce("broken", url="https://media.example/third.wav")).recording_id
    await before_months(house)
    await house.set(damaged, sealed_announcement=b"not a message")
    await rotate(house)
    for _ in range(3):
        with pytest.raises(Tampered, match="1 rows do not decrypt"):
            await step(house)
        await house.vault.jobs.write_manifests()
    progress = await house.vault.key_rotation.rotations.status(house.account.id)
    assert {kind: count for kind, count in progress.remaining.items() if count} == {"announcement": 1}
    await house.vault.recordings.recordings.erase(house.account.id, damaged, **ME)
    await finish(house)
