"""Whatever database comes back, spans that were removed from audio stay removed: also where the old object is there."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from pathlib import Path

import pytest

from tests.services.recordings.test_card_data import service as card_data
from tests.services.recordings.test_card_numbers_removed import BODY as CALL
from tests.services.recordings.test_card_numbers_removed import arrived, is_clean
from tests.services.recordings.test_redact import redact, speech, stored
from tests.services.recordings.test_redact_ends import SPAN, without_span
from tests.support.parties import ME
from tests.support.restoring import copied, empty_house, house_over, settle_journal, write_all
from tests.support.service_house import House
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.playback.note import NoteContent
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.thread_pools import Threads

pytestmark = pytest.mark.faults
BODY = speech()


async def nothing_more(_house: House) -> None:
    """The process dies after the answer: only the object of the closing act says it."""


async def removed(house: House, recording_id: str, write: Callable[[House], Awaitable[None]]) -> None:
    """Remove a span, and put the old objects back, as if the process died before it deleted them."""
    there = deepcopy(house.objects.objects)
    await redact(house, recording_id, SPAN)
    house.objects.objects |= {
        key: kept for key, kept in there.items() if key.startswith(f"recordings/{house.account.id}/")
    }
    await write(house)


async def is_new(house: House, recording_id: str) -> None:
    """Only the new audio is heard, its manifest is written, and the sweep deletes the old objects."""
    assert await house.heard(recording_id) == without_span(BODY)
    await write_all(house)
    await house.sweep()
    assert house.audio_objects() == sorted((await house.row(recording_id)).locations)
    assert await house.heard(recording_id) == without_span(BODY)


@pytest.mark.parametrize("write", [nothing_more, write_all, settle_journal])
async def test_an_older_database(
    house: House, tmp_path: Path, threads: Threads, write: Callable[[House], Awaitable[None]]
):
    """It has the row of before, whose key opens the old object."""
    recording_id = await stored(house, BODY)
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await removed(house, recording_id, write)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        assert await late.heard(recording_id) == BODY
        await late.vault.backup.restore(actor="operator")
        await is_new(late, recording_id)


@pytest.mark.parametrize("write", [nothing_more, write_all, settle_journal])
async def test_an_older_database_that_went_on(
    house: House, tmp_path: Path, threads: Threads, write: Callable[[House], Awaitable[None]]
):
    """It has more evidence than the manifest, and a note that the old key sealed; a restriction of its own stays."""
    recording_id = await stored(house, BODY)
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await removed(house, recording_id, write)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        own, account_id = late.vault.recordings.recordings, late.account.id
        await late.vault.playback.own_notes.add(
            account_id, recording_id, NoteContent(at=1.0, text="Late"), author="key_1"
        )
        for restricted in (True, False, True):
            await own.restrict(account_id, recording_id, restricted=restricted, reason=None, **ME)
        await late.vault.backup.restore(actor="operator")
        assert (await late.row(recording_id)).restricted
        assert not await late.database.read(
            lambda tx: tx.recording_notes.of_recording(account_id, recording_id, after="", limit=10)
        )
        await own.restrict(account_id, recording_id, restricted=False, reason=None, **ME)
        await is_new(late, recording_id)


@pytest.mark.parametrize("write", [nothing_more, write_all, settle_journal])
async def test_an_empty_database(
    house: House, tmp_path: Path, threads: Threads, write: Callable[[House], Awaitable[None]]
):
    """The manifest may be that of before: then the closing act has the new one."""
    recording_id = await stored(house, BODY)
    await write_all(house)
    await removed(house, recording_id, write)
    async with empty_house(house, tmp_path, threads) as new:
        await new.vault.backup.restore(actor="operator")
        await is_new(new, recording_id)


async def test_without_the_manifest_of_it_nobody_hears_the_old_audio(
    house: House, tmp_path: Path, threads: Threads
):
    """The bucket lost the act and the new manifest; the log says that there was a removal."""
    recording_id = await stored(house, BODY)
    await write_all(house)
    old = copied(house, tmp_path / "old")
    location = location_of(house.account.id, recording_id)
    before = deepcopy(house.objects.objects[location])
    await removed(house, recording_id, settle_journal)
    house.objects.objects[location] = before
    for key in [key for key in house.objects.objects if key.startswith("closing/")]:
        del house.objects.objects[key]
    async with house_over(house, SqliteDatabase(old), threads) as late:
        report = await late.vault.backup.restore(actor="operator")
        row = await late.row(recording_id)
    assert (row.state, row.restricted) == (State.AVAILABLE, True)
    assert any(recording_id in finding for finding in report.findings)


async def test_what_arrived_without_its_card_number_comes_back_so(
    house: House, tmp_path: Path, threads: Threads
):
    """Its first manifest has the new audio, and nothing else was ever heard: it is available, and not restricted."""
    recording_id = await arrived(house)
    heard = await house.heard(recording_id)
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await new.heard(recording_id) == heard
        assert not (await new.row(recording_id)).restricted
        assert (await new.vault.backup.fsck(sample=0, rate=0)).findings == []


async def test_a_database_of_before_the_arrival(house: House, tmp_path: Path, threads: Threads):
    """It has the row and the object of the audio that arrived: the manifest puts the new audio in the place of both."""
    house.step_by_step()
    await card_data(house).set_policy(house.account.id, "redact", **ME)
    recording_id = (await house.announce(body=CALL)).recording_id
    assert await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.STORED
    await write_all(house)
    old = copied(house, tmp_path / "old")
    assert await house.vault.jobs.describe()
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        assert (await late.vault.backup.restore(actor="operator")).findings == []
        assert is_clean(await late.heard(recording_id))
        assert not (await late.row(recording_id)).restricted
