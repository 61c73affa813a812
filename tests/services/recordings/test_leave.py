"""Erasure and sweep: what must go goes, what lives stays, and the two never race each other into a leak."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.objects import Kept
from tests.support.gates import with_gate_database
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import AUDIO, House, blocks_of
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import Party
from vault.domain.recordings.recording import GONE, RecordingFilter, State
from vault.domain.stored.manifest import location_of
from vault.errors import Busy, NotFound, RecordingErased
from vault.services.lifecycle.restrict_recording import RestrictRecording
from vault.thread_pools import Threads


async def erase(house: House, recording_id: str) -> None:
    """Erase a recording."""
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")


@pytest.mark.parametrize("moment", ["before the write", "after the write"])
async def test_a_manifest_never_outlives_its_recording(house: House, moment: str):
    """The erasure comes while the manifest is written, on either side of it: no key is left behind."""
    recording_id = (await house.announce()).recording_id
    await house.settle(recording_id)
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))
    put = house.objects.put

    async def racing(key: str, body: bytes, *, if_absent: bool = False) -> bool:
        if not key.startswith("manifests/"):
            return await put(key, body, if_absent=if_absent)
        if moment == "after the write":
            await put(key, body, if_absent=if_absent)
        await erase(house, recording_id)
        assert await house.settle(recording_id) is State.ERASED
        return True if moment == "after the write" else await put(key, body, if_absent=if_absent)

    house.objects.put = racing
    assert await house.vault.jobs.write_manifests()
    assert house.lasting_objects() == []


async def test_a_manifest_that_a_crash_left_is_swept(house: House):
    """A process died between the late write and its delete: the sweep removes it without a grace period."""
    recording_id = (await house.announce()).recording_id
    await house.settle(recording_id)
    await house.vault.jobs.write_manifests()
    manifest = location_of(house.account.id, recording_id)
    kept = house.objects.objects[manifest]
    await erase(house, recording_id)
    await house.settle(recording_id)
    house.objects.objects[manifest] = Kept(kept.body, datetime.now(UTC))
    assert await house.vault.jobs.sweep() == 1
    assert manifest not in house.objects.objects


async def test_the_sweep_removes_only_what_nothing_names(house: House):
    """Garbage of dead attempts goes after the grace period; named, fresh and foreign objects stay."""
    recording_id = (await house.announce()).recording_id
    await house.settle(recording_id)
    row = await house.row(recording_id)
    folder = row.audio.location.rpartition("/")[0]
    garbage, unknown = f"{folder}/dead.audio", "recordings/acct_0/rec_0/dead.audio"
    for key in (garbage, unknown, "recordings/stray", "elsewhere/x"):
        await house.objects.put(key, b"x")
    await house.objects.create(f"{folder}/half.audio")
    assert await house.vault.jobs.sweep() == 0
    assert await house.sweep() == 3
    manifest = location_of(house.account.id, recording_id)
    kept = [manifest, row.audio.location, "recordings/stray", "elsewhere/x"]
    assert sorted(house.objects.objects) == sorted(kept)
    assert house.objects.uploads == {}
    assert await house.heard(recording_id) == AUDIO


async def test_the_sweep_spares_what_is_being_written(house: House):
    """A worker holds the row: its object, which nothing names yet, is left alone however old it is."""
    recording_id = (await house.announce()).recording_id
    await house.vault.jobs.ingest()
    row = await house.row(recording_id)
    await house.set(recording_id, lease_until=datetime(2100, 1, 1, tzinfo=UTC))
    other = row.audio.location.replace(".audio", "-x.rendition")
    await house.objects.put(other, b"x")
    assert await house.sweep() == 0
    await house.hurry(recording_id)
    assert await house.sweep() == 1
    assert house.audio_objects() == [row.audio.location]


@pytest.mark.parametrize("step", ["received", "stored", "available", "refused", "failed"])
async def test_a_recording_is_erased_from_any_state(house: House, step: str):
    """Keys immediately, objects soon, the tombstone for ever: the same name never comes in again."""
    body = b"no audio" if step == "failed" else AUDIO
    recording_id = (await house.announce(body=body)).recording_id
    if step == "stored":
        house.step_by_step()
        await house.vault.jobs.ingest()
    if step in {"available", "failed"}:
        await house.settle(recording_id)
    if step == "refused":
        await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    assert str(await house.state(recording_id)) == step
    await erase(house, recording_id)
    assert await house.keys_gone(recording_id)
    with pytest.raises(NotFound):
        await house.vault.audit_log.proofs.export_recording_key(recording_id, actor="operator")
    with pytest.raises(RecordingErased):
        await erase(house, recording_id)
    assert await house.settle(recording_id) is State.ERASED
    assert house.lasting_objects() == []
    assert (await house.announce()).status == "erased"
    assert await house.state(recording_id) is State.ERASED
    assert await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, "call-1")) == []


async def test_what_is_erased_while_it_is_shown_is_shown_as_erased(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """Its restriction is read after it. Wrong: 410 to who has just restricted it, as if nothing had been done."""
    recording_id = (await house.announce()).recording_id
    await house.settle(recording_id)
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason=None, actor="key_test"
    )
    said = RestrictRecording.parties_against

    async def erased_first(self: RestrictRecording, account_id: str, known: str) -> tuple[Party, ...]:
        await erase(house, known)
        return await said(self, account_id, known)

    monkeypatch.setattr(RestrictRecording, "parties_against", erased_first)
    view = await house.vault.recordings.recordings.read(house.account.id, recording_id)
    assert view.recording.state in GONE


async def test_erasing_during_a_fetch_leaves_nothing(house: House):
    """The worker comes back with a finished object and finds the row shredded: it removes its own object."""
    recording_id = (await house.announce()).recording_id
    fetching = await house.fetching()
    await erase(house, recording_id)
    assert await house.settle(recording_id) is State.ERASED
    house.go_on()
    assert await fetching
    assert house.lasting_objects() == []
    assert await house.state(recording_id) is State.ERASED


async def test_erasing_one_recording_of_a_call_keeps_the_other(house: House):
    """Two recordings of one call: what was reported about it stays for the second."""
    first = (await house.announce("one")).recording_id
    second = (await house.announce("two")).recording_id
    for recording_id in (first, second):
        await house.settle(recording_id)
    await erase(house, first)
    assert await house.settle(first) is State.ERASED
    assert await house.heard(second) == AUDIO
    with pytest.raises(NotFound):
        await house.heard(first)


async def test_a_recording_before_its_gate_is_not_heard(house: House):
    """Stored is not available: neither a download nor a look at its size."""
    recording_id = (await house.announce()).recording_id
    house.step_by_step()
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.STORED
    with pytest.raises(NotFound):
        await house.vault.playback.audio.for_download(house.account.id, recording_id, actor="key_test")


async def test_an_upload_by_two_clients_is_one_recording(house: House):
    """The second client is told to wait; when the first has gone away the second brings the whole."""
    begun, wait = asyncio.Event(), asyncio.Event()

    async def slowly():
        yield AUDIO[:10]
        begun.set()
        await wait.wait()

    first = asyncio.create_task(
        house.vault.ingest.uploads.store(house.account.id, "c", "r", slowly(), actor="key_1")
    )
    await begun.wait()
    with pytest.raises(Busy) as busy:
        await house.vault.ingest.uploads.store(house.account.id, "c", "r", blocks_of(AUDIO), actor="key_2")
    assert busy.value.retry_after > 0
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    row, new = await house.vault.ingest.uploads.store(
        house.account.id, "c", "r", blocks_of(AUDIO), actor="key_2"
    )
    assert new
    assert await house.settle(row.id) is State.AVAILABLE
    assert await house.heard(row.id) == AUDIO
    assert house.objects.uploads == {}


async def test_what_is_said_while_the_gate_is_near_is_found(house: House):
    """A number that is told between describing and the gate finds the recording afterwards."""
    recording_id = (await house.announce(call_ref="call-1")).recording_id
    house.step_by_step()
    await house.vault.jobs.ingest()
    told = []

    class Telling:
        """Passes calls of the database on, and lets the platform speak just before the gate's own write."""

        def __init__(self, database: object) -> None:
            self.database = database

        def __getattr__(self, name: str) -> object:
            return getattr(self.database, name)

        async def write(self, function, *, urgent=False):
            if getattr(function, "func", None) is not None and not told:
                told.append(True)
                await house.vault.recordings.calls.start(
                    house.account.id, CallFacts(call_ref="call-1", caller="+14155550123")
                )
            return await self.database.write(function, urgent=urgent)

    assert await with_gate_database(house.vault, Telling(house.database)).jobs.describe()
    assert told
    assert await house.state(recording_id) is State.AVAILABLE
    found = await house.vault.recordings.recordings.page(
        house.account.id, RecordingFilter(), number="+14155550123", agent=None, before=None, limit=5
    )
    assert [view.recording.id for view in found] == [recording_id]


@pytest.mark.parametrize("prefix", ["recordings", "manifests", "log/tile", "accounts", "tombstones"])
async def test_an_unfinished_object_of_any_kind_is_swept(house: House, prefix: str):
    """A crash in the middle of writing leaves it, whatever it was to become."""
    writer = await house.objects.create(f"{prefix}/unfinished")
    await writer.write(b"half")
    assert house.objects.uploads
    assert await house.sweep() == 1
    assert not house.objects.uploads


async def test_what_a_restore_could_not_bring_in_is_left_for_the_next(
    house: House, tmp_path: Path, threads: Threads
):
    """A recording without a row is not one that was erased: its manifest and its audio outlive every sweep."""
    recording_id = (await house.announce()).recording_id
    assert recording_id is not None
    await house.settle(recording_id)
    await write_all(house)
    there = {key for key in house.objects.objects if recording_id in key}
    assert len(there) == 2
    async with empty_house(house, tmp_path / "new", threads) as new:
        await new.sweep()
        assert {key for key in new.objects.objects if recording_id in key} == there
        await new.vault.backup.restore(actor="operator")
        assert await new.heard(recording_id) == AUDIO
