"""The object store fails at its n-th call, before or after its effect, for every n: nothing is lost or left."""

from pathlib import Path

import pytest

from tests.support.service_house import AUDIO, House, blocks_of, new_house
from vault.domain.recordings.fetch_attempts import MAX_FETCHES
from vault.domain.recordings.recording import State
from vault.errors import Unavailable
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults


async def whole_life(house: House, *, stored_first: bool = False) -> str:
    """Announce, ingest, describe, write the manifest; the worker's loop goes on after an Unavailable."""
    if stored_first:
        house.step_by_step()
    recording_id = (await house.announce()).recording_id
    for _ in range(12):
        for step in (house.vault.jobs.ingest, house.vault.jobs.describe, house.vault.jobs.write_manifests):
            try:
                await step()
            except Unavailable:
                continue
        await house.hurry(recording_id)
    return recording_id


async def calls_of(folder: Path, threads: Threads, *, stored_first: bool) -> int:
    """Return how many calls a life without faults makes."""
    async with new_house(folder, threads) as house:
        await whole_life(house, stored_first=stored_first)
        return len(house.objects.calls)


@pytest.mark.parametrize("stored_first", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_store_fails_once_at_any_call(
    tmp_path: Path, threads: Threads, when: str, stored_first: bool
):
    """Whatever call it is: the recording ends available, and after the sweep nothing else is there."""
    (tmp_path / "plain").mkdir()
    calls = await calls_of(tmp_path / "plain", threads, stored_first=stored_first)
    assert calls >= 7
    for at in range(1, calls + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with new_house(folder, threads) as house:
            house.objects.fail(at=at, when=when)
            recording_id = await whole_life(house, stored_first=stored_first)
            row = await house.row(recording_id)
            assert (at, row.state) == (at, State.AVAILABLE), row.reasons
            assert await house.heard(recording_id) == AUDIO
            await house.sweep()
            assert house.audio_objects() == [row.audio.location]
            assert house.objects.uploads == {}
            manifest = f"manifests/{house.account.id}/{recording_id}.json"
            assert sorted(house.objects.objects) == [manifest, row.audio.location]
    print(f"{calls} calls, each failed once {when} its effect")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_store_fails_once_during_an_erasure(tmp_path: Path, threads: Threads, when: str):
    """An erasure that is interrupted at any call goes on until nothing is left."""
    for at in range(1, 6):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with new_house(folder, threads) as house:
            recording_id = await whole_life(house)
            await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
            assert await house.keys_gone(recording_id)
            house.objects.fail(at=at, when=when)
            assert await house.settle(recording_id) is State.ERASED
            assert house.lasting_objects() == []
            assert (await house.events(recording_id))[-1] == "recording.erased"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_store_fails_once_during_an_upload(tmp_path: Path, threads: Threads, when: str):
    """The client hears Unavailable and sends again; nothing half-kept is ever the recording."""
    for at in range(1, 5):
        folder = tmp_path / str(at)
        folder.mkdir()
        async with new_house(folder, threads) as house:
            house.objects.fail(at=at, when=when)
            try:
                row, _ = await house.vault.ingest.uploads.store(
                    house.account.id, "c", "r", blocks_of(AUDIO), actor="key_test"
                )
            except Unavailable:
                row, new = await house.vault.ingest.uploads.store(
                    house.account.id, "c", "r", blocks_of(AUDIO), actor="key_test"
                )
                assert new
            assert await house.settle(row.id) is State.AVAILABLE
            assert await house.heard(row.id) == AUDIO
            await house.sweep()
            assert house.audio_objects() == [(await house.row(row.id)).audio.location]


async def test_a_store_that_is_gone_for_long_loses_nothing(house: House):
    """Every call fails for more rounds than there are attempts: the recordings wait, and come in at last."""
    house.step_by_step()
    first = (await house.announce("rec-1")).recording_id
    await house.vault.jobs.ingest()
    second = (await house.announce("rec-2")).recording_id
    for _ in range(MAX_FETCHES + 6):
        for call in range(1, 30):
            house.objects.fail(at=call, when="before")
        await house.vault.jobs.ingest()
        await house.vault.jobs.describe()
        await house.hurry(first)
        await house.hurry(second)
    assert {await house.state(first), await house.state(second)} <= {State.STORED, State.RETRY_WAIT}
    house.objects._failing.clear()
    for recording_id in (first, second):
        assert await house.settle(recording_id) is State.AVAILABLE
        assert await house.heard(recording_id) == AUDIO


async def test_a_key_service_that_is_gone_loses_nothing(house: House):
    """Without the root key nothing is sealed and nothing fails for good; when it is back all goes on."""
    house.step_by_step()
    recording_id = (await house.announce()).recording_id
    ring = house.vault.jobs.ingest.ring
    ring.forget(house.account.id)
    house.root_key.reachable = False
    for _ in range(MAX_FETCHES + 6):
        await house.vault.jobs.ingest()
        await house.hurry(recording_id)
    assert await house.state(recording_id) is State.RETRY_WAIT
    assert house.audio_objects() == []
    house.root_key.reachable = True
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.STORED
    ring.forget(house.account.id)
    house.root_key.reachable = False
    await house.vault.jobs.describe()
    assert await house.state(recording_id) is State.STORED
    house.root_key.reachable = True
    assert await house.settle(recording_id) is State.AVAILABLE
