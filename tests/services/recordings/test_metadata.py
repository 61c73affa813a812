"""Metadata of calls and recordings: in manifests, through restores and rotations, and gone with what it is of."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.restoring import available, empty_house, write_all
from tests.support.rotation import finish, rotate
from tests.support.service_house import House
from vault.database.schema.calls import call_metadata, call_metadata_terms
from vault.domain.calls.metadata import MetadataPatch
from vault.domain.recordings.recording import RecordingFilter
from vault.domain.stored.manifest import decode_manifest, location_of
from vault.errors import NotFound
from vault.thread_pools import Threads

CALL, OWN = {"order": "4711"}, {"ticket": "Q-81"}


async def of_call(house: House, patch: MetadataPatch, call: str = "call-1") -> None:
    """Change the metadata of a call."""
    await house.vault.recordings.calls.metadata.change_call(house.account.id, call, patch, actor="key_test")


async def of_recording(house: House, recording_id: str, patch: MetadataPatch) -> None:
    """Change the metadata of a recording."""
    recordings = house.vault.recordings.recordings
    await recordings.metadata.change_recording(house.account.id, recording_id, patch, actor="key_test")


async def shown(house: House, recording_id: str) -> tuple[Any, Any]:
    """Return the metadata of the call and of the recording, as they are read."""
    view = await house.vault.recordings.recordings.read(house.account.id, recording_id)
    return view.call_metadata, view.metadata


async def found(house: House, key: str, value: str) -> list[str]:
    """Return the recordings that are found."""
    page = await house.vault.recordings.recordings.page(
        house.account.id,
        RecordingFilter(),
        number=None,
        agent=None,
        metadata=[(key, value)],
        before=None,
        limit=9,
    )
    return sorted(view.recording.id for view in page)


async def rows(house: House) -> tuple[int, int]:
    """Return how many rows of metadata, and terms of it, the database has."""
    counts = [select(func.count()).select_from(table) for table in (call_metadata, call_metadata_terms)]
    both = await house.database.read(lambda tx: [tx.connection.execute(one).scalar_one() for one in counts])
    return both[0], both[1]


async def in_manifest(house: House, recording_id: str) -> int:
    """Return how many records of metadata the manifest has."""
    return len(decode_manifest(await house.objects.get(location_of(house.account.id, recording_id))).metadata)


async def test_the_first_manifest_has_what_came_before_the_gate(either: House):
    """From the announcement on: no job writes it again."""
    recording_id = await available(either, "rec-1", metadata=CALL)
    assert await in_manifest(either, recording_id) == 1
    assert not await either.vault.jobs.write_manifests()
    assert await shown(either, recording_id) == (CALL, {})


async def test_a_change_beside_the_first_manifest_is_not_lost(house: House, monkeypatch: pytest.MonkeyPatch):
    """After the gate, while its manifest is written: a job writes it again."""
    recording_id = (await house.announce()).recording_id or ""
    replace_object = house.objects.replace

    async def beside(*args: Any, **more: Any) -> None:
        monkeypatch.undo()
        await of_call(house, CALL)
        await replace_object(*args, **more)

    monkeypatch.setattr(house.objects, "replace", beside)
    await house.vault.jobs.ingest()
    assert await in_manifest(house, recording_id) == 0
    while await house.vault.jobs.write_manifests():
        pass
    assert await in_manifest(house, recording_id) == 1


async def test_a_change_is_written_into_each_manifest(either: House):
    """That of a call into those of all its recordings, that of a recording into its own."""
    first, second = [await available(either, ref) for ref in ("rec-1", "rec-2")]
    await of_call(either, CALL)
    await of_recording(either, second, OWN)
    await write_all(either)
    assert [await in_manifest(either, one) for one in (first, second)] == [1, 2]
    assert (await either.vault.backup.fsck(sample=9, rate=0)).findings == []
    await either.database.write(lambda tx: tx.connection.execute(call_metadata.delete()) and None)
    findings = (await either.vault.backup.fsck(sample=9, rate=0)).findings
    assert [one.rpartition(" in ")[2] for one in findings] == ["metadata."] * 2


async def test_it_comes_back_from_the_object_store(house: House, tmp_path: Path, threads: Threads):
    """With its search, also after a rotation of the account's key; removed keys stay removed."""
    first, second = [await available(house, ref) for ref in ("rec-1", "rec-2")]
    await of_call(house, CALL | {"gone": "x"})
    await of_recording(house, second, OWN)
    await rotate(house)
    await finish(house)
    await of_call(house, {"gone": None})
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        assert report.findings == []
        assert [await shown(new, one) for one in (first, second)] == [(CALL, {}), (CALL, OWN)]
        assert await found(new, "order", "4711") == sorted([first, second])
        assert await found(new, "ticket", "Q-81") == [second]
        assert await found(new, "gone", "x") == []


async def test_an_older_manifest_does_not_undo_a_change(house: House, tmp_path: Path, threads: Threads):
    """Of two recordings of a call, whichever is restored last: the later change stands."""
    first, second = [await available(house, ref) for ref in ("rec-1", "rec-2")]
    await of_call(house, {"order": "1"})
    await write_all(house)
    old = bytes(house.objects.objects[location_of(house.account.id, second)].body)
    await of_call(house, {"order": "2"})
    await write_all(house)
    await house.objects.replace(location_of(house.account.id, second), old)
    async with empty_house(house, tmp_path / "new", threads) as new:
        await new.vault.backup.restore(actor="operator")
        assert [await shown(new, one) for one in (first, second)] == [({"order": "2"}, {})] * 2


async def test_metadata_that_was_moved_is_not_shown(house: House):
    """Who can write the database cannot give a call the metadata of another one."""
    recording_id = await available(house, "rec-1")
    await available(house, "rec-2", call_ref="call-2")
    await of_call(house, {"order": "1"})
    await of_call(house, {"order": "2"}, "call-2")
    other = select(call_metadata.c.sealed).where(call_metadata.c.call_ref == "call-2").scalar_subquery()
    moved = call_metadata.update().where(call_metadata.c.call_ref == "call-1").values(sealed=other)
    await house.database.write(lambda tx: tx.connection.execute(moved) and None)
    with pytest.raises(Exception, match="another call or recording"):
        await shown(house, recording_id)


async def test_erasures_leave_nothing(either: House):
    """Of a recording its own, of a call all; a change that comes beside an erasure leaves nothing either."""
    first, second = [await available(either, ref) for ref in ("rec-1", "rec-2")]
    await of_call(either, CALL)
    for one in (first, second):
        await of_recording(either, one, OWN)
    assert await rows(either) == (3, 3)
    await either.vault.recordings.recordings.erase(either.account.id, first, actor="key_test")
    assert await rows(either) == (2, 2)
    changes = [of_call(either, {"n": str(number)}) for number in range(4)]
    erased = either.vault.recordings.calls.erase(either.account.id, "call-1", actor="key_test")
    ends = await asyncio.gather(*changes[:2], erased, *changes[2:], return_exceptions=True)
    assert {type(one) for one in ends if isinstance(one, BaseException)} <= {NotFound}
    assert await rows(either) == (0, 0)


async def test_changes_at_once_lose_none(either: House):
    """Each sets a key of its own."""
    await available(either, "rec-1")
    await asyncio.gather(*(of_call(either, {f"key{number}": "x"}) for number in range(4)))
    view = await either.vault.recordings.calls.read(either.account.id, "call-1")
    assert sorted(view.metadata) == ["key0", "key1", "key2", "key3"]
    assert await rows(either) == (1, 4)
