"""Comparing rows and objects: each kind of damage is named, and nothing else is."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.objects import Kept
from tests.services.backup.test_restore import erased
from tests.support.restoring import available, write_all
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.errors import Invalid
from vault.services.backup.fsck import FsckPlace, FsckResult


async def checked(house: House, *, sample: int = 100) -> FsckResult:
    """Compare as if the grace period were over."""
    verb = replace(house.vault.backup.fsck, grace=-timedelta(days=1))
    return await verb(sample=sample, rate=0)


async def damage(house: House, what: str, recording_id: str) -> str:
    """Damage one thing, and return how its finding begins."""
    row, objects = await house.row(recording_id), house.objects.objects
    assert row.audio is not None
    audio, manifest = row.audio.location, location_of(row.account_id, row.id)
    prompt = f"prompts/acct_0000/{'0' * 64}"
    now, begins = datetime.now(UTC), f"{recording_id}: "
    match what:
        case "missing audio":
            del objects[audio]
        case "truncated audio":
            objects[audio].body.pop()
        case "longer audio":
            objects[audio].body.append(0)
        case "flipped bit":
            objects[audio].body[-20] ^= 1
        case "missing manifest":
            del objects[manifest]
        case "other manifest":
            objects[manifest].body[:] = objects[manifest].body.replace(
                b'"restricted":false', b'"restricted":true'
            )
        case "broken manifest":
            objects[manifest].body[0:1] = b"["
        case "key of the row":
            await house.set(recording_id, wrapped_key=b"k" * 60)
        case "details of the row":
            await house.set(recording_id, sealed_details=b"nothing")
        case "no key":
            await house.set(recording_id, wrapped_key=None)
        case "extra object":
            objects[f"{audio}x"] = Kept(bytearray(b"x"), now)
            begins = f"{audio}x: no row"
        case "extra manifest":
            objects[manifest.replace("rec_", "rec_0")] = Kept(bytearray(b"{}"), now)
            begins = f"{manifest.replace('rec_', 'rec_0')}: no available recording"
        case "unknown act":
            objects["closing/vault/evt_0"] = Kept(bytearray(b"x"), now)
            begins = "closing/vault/evt_0: this closing act is not in the database"
        case "foreign object":
            objects["stray/thing"] = Kept(bytearray(b""), now)
            begins = "stray/thing: this is not an object"
        case "foreign account":
            objects["accounts/acct_0000/000000000001.json"] = Kept(bytearray(b""), now)
            begins = "accounts/acct_0000/000000000001.json: there is no such account"
        case "foreign prompt":
            objects[prompt] = Kept(bytearray(b""), now)
            begins = f"{prompt}: there is no such account"
        case "broken tombstone":
            key = next(key for key in objects if key.startswith("tombstones/"))
            objects[key].body[0:1] = b"["
            begins = f"{key}: "
    return begins


FINDINGS = {
    "missing audio": "is missing.",
    "truncated audio": "bytes instead of",
    "longer audio": "bytes instead of",
    "flipped bit": "its audio cannot be opened",
    "missing manifest": "its manifest",
    "other manifest": "differs from its row in restriction.",
    "broken manifest": "cannot be used",
    "key of the row": "differs from its row in wrapped key.",
    "details of the row": "differs from its row in details.",
    "no key": "its row has no key.",
    "extra object": "",
    "extra manifest": "",
    "unknown act": "",
    "foreign object": "",
    "foreign account": "",
    "foreign prompt": "",
    "broken tombstone": "",
}


@pytest.mark.parametrize("what", list(FINDINGS))
async def test_each_damage_is_named(house: House, what: str):
    """One line, that begins with what it is about; the sound recording beside it has none."""
    await available(house, "rec-1")
    recording_id = await available(house, "rec-2", call_ref="call-2")
    await erased(house, "rec-3")
    await write_all(house)
    assert (await checked(house)).findings == []
    begins = await damage(house, what, recording_id)
    found = (await checked(house)).findings
    assert len(found) == 1, found
    assert found[0].startswith(begins)
    assert FINDINGS[what] in found[0]


async def test_a_sound_vault_has_no_findings(house: House):
    """Available, erased, refused, waiting and quarantined recordings, before and after all was written."""
    await available(house, "rec-1")
    await erased(house, "rec-2")
    await house.announce("rec-4", call_ref="call-4")
    assert (await checked(house)).findings == []
    await write_all(house)
    await write_all(house)
    done = await checked(house)
    assert done == FsckResult(recordings=1, opened=1, objects=5, place=FsckPlace(stage="done"))
    # Audio, manifest, account, tombstone; and the act of the erasure, which the worker has not settled.
    assert sorted({key.split("/")[0] for key in house.objects.objects}) == [
        "accounts", "closing", "log", "manifests", "recordings", "tombstones",
    ]  # fmt: skip


async def test_nothing_is_changed(house: House):
    """Rows, objects and the log are what they were, damage included."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    await damage(house, "flipped bit", recording_id)
    before = {key: bytes(kept.body) for key, kept in house.objects.objects.items()}
    head = await house.database.read(lambda tx: tx.tree.head())
    row = await house.row(recording_id)
    await checked(house)
    assert {key: bytes(kept.body) for key, kept in house.objects.objects.items()} == before
    assert await house.database.read(lambda tx: tx.tree.head()) == head
    assert await house.row(recording_id) == row


@pytest.mark.parametrize(("sample", "opened"), [(0, 0), (1, 1), (2, 2), (3, 3), (100, 3)])
async def test_a_sample_is_as_large_as_it_was_asked_for(house: House, sample: int, opened: int):
    """Damage that only opening finds is found where everything is opened, and not where nothing is."""
    ids = [await available(house, f"rec-{n}", call_ref=f"call-{n}") for n in range(3)]
    await write_all(house)
    for one in ids:
        await damage(house, "flipped bit", one)
    done = await checked(house, sample=sample)
    assert (done.recordings, done.opened, len(done.findings)) == (3, opened, opened)


async def test_what_left_meanwhile_is_no_finding(house: House):
    """A recording is erased between its row and its object: it is looked at again, and is gone."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    size = house.objects.size

    async def racing(key: str) -> int:
        if key.startswith("recordings/") and await house.state(recording_id) is State.AVAILABLE:
            await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
            assert await house.settle(recording_id) is State.ERASED
        return await size(key)

    house.objects.size = racing
    assert (await checked(house)).findings == []


async def test_what_left_since_it_was_listed_is_no_finding(house: House):
    """The listing is older than the erasure of what it names: each name is looked at again, and is gone."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    versions = house.objects.versions
    listed = [one async for one in versions("")]
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    assert await house.settle(recording_id) is State.ERASED

    async def stale(prefix: str, *, after: str = ""):
        for one in [one async for one in versions(prefix, after=after)] if prefix else listed:
            yield one

    house.objects.versions = stale
    done = await checked(house)
    assert (done.objects, done.findings) == (3, [])


async def test_a_manifest_whose_erasure_was_put_off_is_no_finding(house: House):
    """While the store refuses to delete, the recording is being erased and still has its manifest."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    assert await house.state(recording_id) is State.ERASING
    assert not [one for one in (await checked(house)).findings if one.startswith("manifests/")]


async def test_young_objects_may_wait_for_their_row(house: House):
    """What is younger than the grace period is looked over."""
    recording_id = await available(house, "rec-1")
    await write_all(house)
    await damage(house, "extra object", recording_id)
    assert (await house.vault.backup.fsck(sample=0, rate=0)).findings == []


async def test_it_takes_the_time_it_is_told_to(house: House):
    """With a rate of 50, five pieces of work begin over at least 80 ms; how far it is can be seen."""
    await available(house, "rec-1")
    await write_all(house)
    shown: list[tuple[str, int, int]] = []

    async def seen(what: str, done: int, of: int) -> None:
        shown.append((what, done, of))

    begun = datetime.now(UTC)
    verb = replace(house.vault.backup.fsck, grace=-timedelta(days=1))
    await verb(sample=1, rate=50, progress=seen)
    assert datetime.now(UTC) - begun >= timedelta(milliseconds=60)
    assert shown == [("recordings", 1, 1), ("objects", 1, 0), ("objects", 2, 0), ("objects", 3, 0)]


@pytest.mark.parametrize(("sample", "rate"), [(-1, 0), (0, -0.5)])
async def test_numbers_below_zero_are_refused(house: House, sample: int, rate: float):
    """Invalid, before anything is read."""
    with pytest.raises(Invalid):
        await house.vault.backup.fsck(sample=sample, rate=rate)


@pytest.mark.parametrize("what", ["missing audio", "truncated audio", "flipped bit", "details of the row"])
async def test_damage_is_named_while_the_manifest_is_due(house: House, what: str):
    """As right after a restore: the difference of the manifest is no finding, but everything else is."""
    await available(house, "rec-1")
    recording_id = await available(house, "rec-2", call_ref="call-2")
    await write_all(house)
    await house.set(recording_id, restricted=True, manifest_due=True)
    assert (await checked(house)).findings == []
    begins = await damage(house, what, recording_id)
    (found,) = (await checked(house)).findings
    assert found.startswith(begins)
    assert "manifest" not in found
