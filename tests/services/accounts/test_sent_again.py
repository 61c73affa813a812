"""A name of an upload: free again when it failed, closed when it was refused or erased, and each call has its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.database_rows import claim
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.service_house import AUDIO, House, blocks_of
from tests.support.tenant import tone
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.reason import Reason
from vault.domain.recordings.recording import State
from vault.errors import Busy, RecordingErased, Refused
from vault.services.lifecycle.lifecycle import fail
from vault.thread_pools import Threads

ME = {"actor": "key_test"}
OTHER = tone(0.3)


async def upload(
    house: House, body: bytes | AsyncIterator[bytes] = AUDIO, *, ref: str = "up", call: str = "call-1"
) -> str:
    """Send a recording, and return its id."""
    blocks = blocks_of(body) if isinstance(body, bytes) else body
    row, _ = await house.vault.ingest.uploads.store(house.account.id, call, ref, blocks, **ME)
    return row.id


async def failed(house: House, ref: str = "up") -> str:
    """Send a recording that turns out to be no audio, and return its id."""
    recording_id = await upload(house, ref=ref)
    held = await claim(house.database, (State.STORED,))
    reason = Reason(code="undecodable", text="It is no audio.")
    await house.database.write(lambda tx: fail(tx, held, reason))
    assert await house.state(recording_id) is State.FAILED
    return recording_id


async def test_what_failed_is_sent_again(either: House):
    """Other bytes under the same name and id; nothing of the first attempt is left but its events."""
    recording_id = await failed(either)
    await either.vault.jobs.write_tombstones()
    assert await upload(either, OTHER) == recording_id
    row = await either.row(recording_id)
    assert (row.state, row.reasons, row.attempts) == (State.STORED, (), 1)
    assert await either.settle(recording_id) is State.AVAILABLE
    assert await either.heard(recording_id) == OTHER
    assert await either.sweep() == 1
    assert len(either.audio_objects()) == 1
    while await either.vault.jobs.log_publisher.sequence():
        pass
    types = ["recording.failed", "recording.sent_again", "recording.available"]
    assert (await either.events(recording_id))[:3] == types
    # From now on it is as any other.
    assert await upload(either, OTHER) == recording_id
    with pytest.raises(Refused) as caught:
        await upload(either, AUDIO)
    assert caught.value.reasons == ("other_bytes",)


async def test_of_two_who_send_again_one_begins(either: House):
    """The other is told that it is being sent; the row is begun again once."""
    recording_id = await failed(either)
    answers = await asyncio.gather(*(upload(either, OTHER) for _ in range(4)), return_exceptions=True)
    assert {type(one) for one in answers} <= {str, Busy}
    assert recording_id in answers
    assert await either.settle(recording_id) is State.AVAILABLE


async def test_the_switch_decides_on_what_is_sent_again(either: House):
    """Off refuses it for good, as it refuses what comes for the first time; off in between is over."""
    over, closed = await failed(either, "over"), await failed(either, "closed")
    for enabled in (False, True):
        await either.vault.accounts.switch.set(either.account.id, enabled=enabled, reason=None, **ME)
    assert await upload(either, ref="over") == over
    await either.vault.accounts.switch.set(either.account.id, enabled=False, reason=None, **ME)
    for _ in range(2):
        with pytest.raises(Refused) as caught:
            await upload(either, ref="closed")
        assert caught.value.reasons[0] == "switch_off"
        await either.vault.accounts.switch.set(either.account.id, enabled=True, reason=None, **ME)
    assert await either.state(closed) is State.REFUSED
    assert await either.state(over) is State.REFUSED


async def test_a_restriction_outlives_the_attempt_that_failed(either: House):
    """Anyone who restricted it before is not overruled by sending it again."""
    recording_id = await failed(either)
    await either.set(recording_id, restricted=True)
    await upload(either)
    assert await either.settle(recording_id) is State.AVAILABLE
    assert (await either.row(recording_id)).restricted


@pytest.mark.parametrize("end", ["stored", "failed", "refused", "erased"])
async def test_a_name_is_of_one_call(either: House, end: str):
    """Under another call it is another recording, whatever became of the first, which stays as it is."""
    recording_id = await (failed(either) if end == "failed" else upload(either))
    if end == "refused":
        await either.vault.accounts.switch.set(either.account.id, enabled=False, reason=None, **ME)
        await either.vault.accounts.switch.set(either.account.id, enabled=True, reason=None, **ME)
    elif end == "erased":
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    before = await either.row(recording_id)
    other_id = await upload(either, OTHER, call="call-2")
    assert other_id != recording_id
    assert (await either.row(other_id)).name == before.name == "up"
    assert await either.row(recording_id) == before


async def test_refused_and_erased_are_not_sent_again(either: House):
    """What was closed stays closed."""
    refused, erased = await upload(either, ref="refused"), await upload(either, ref="erased")
    for enabled in (False, True):
        await either.vault.accounts.switch.set(either.account.id, enabled=enabled, reason=None, **ME)
    await either.vault.recordings.recordings.erase(either.account.id, erased, **ME)
    with pytest.raises(Refused):
        await upload(either, ref="refused")
    with pytest.raises(RecordingErased):
        await upload(either, ref="erased")
    assert await either.state(refused) is State.REFUSED


@pytest.mark.parametrize("end", ["available", "refused", "erased", "failed"])
@pytest.mark.parametrize("old", [False, True], ids=["no database", "an old database"])
async def test_a_restore_brings_its_last_end(
    house: House, tmp_path: Path, threads: Threads, end: str, *, old: bool
):
    """The tombstone of the first attempt is in the bucket, too, and must not have the last word."""
    recording_id = await failed(house)
    await write_all(house)
    backup = copied(house, tmp_path / "backup") if old else None
    await upload(house, OTHER)
    if end == "refused":
        for enabled in (False, True):
            await house.vault.accounts.switch.set(house.account.id, enabled=enabled, reason=None, **ME)
    elif end != "failed":
        assert await house.settle(recording_id) is State.AVAILABLE
        await write_all(house)
    if end == "erased":
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
        assert await house.settle(recording_id) is State.ERASED
    await write_all(house)
    opened = empty_house(house, tmp_path, threads)
    if backup is not None:
        opened = house_over(house, SqliteDatabase(backup), threads)
    async with opened as new:
        await new.vault.backup.restore(**ME)
        found = await new.settle(recording_id) if end == "erased" else await new.state(recording_id)
        assert found is State(end)
        if end == "available":
            assert await new.heard(recording_id) == OTHER
        elif end == "failed":
            assert await upload(new, OTHER) == recording_id
        else:
            with pytest.raises((Refused, RecordingErased)):
                await upload(new, OTHER)
