"""Bringing a recording in: retries, final failures, leases that are lost, and describers that die."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.fetcher import Media
from tests.support.database_rows import move
from tests.support.service_house import AUDIO, URL, House
from vault.database.schema.core import recordings
from vault.domain.recordings.fetch_attempts import MAX_FETCHES
from vault.domain.recordings.recording import LEASE, State
from vault.errors import FetchFailed, LeaseLost, NotFound


@pytest.mark.parametrize("stored_first", [False, True])
async def test_an_announced_recording_becomes_available(house: House, stored_first: bool):
    """Received, stored, described, through the gate, and its manifest is there; the URL is gone."""
    receipt = await house.announce()
    assert receipt.status == "accepted"
    assert await house.state(receipt.recording_id) is State.RECEIVED
    if stored_first:
        house.step_by_step()
    assert await house.vault.jobs.ingest()
    if stored_first:
        assert await house.state(receipt.recording_id) is State.STORED
        assert await house.vault.jobs.describe()
    row = await house.row(receipt.recording_id)
    assert (row.state, row.audio.size, row.codec, row.attempts) == (
        State.AVAILABLE,
        len(AUDIO),
        "pcm_s16le",
        0,
    )
    assert await house.database.read(lambda tx: tx.recordings.announcement(row.id)) is None
    assert not await house.vault.jobs.write_manifests()
    assert f"manifests/{house.account.id}/{row.id}.json" in house.objects.objects
    assert await house.heard(row.id) == AUDIO
    assert await house.events(row.id) == ["recording.available", "download.grant", "download.end"]
    assert [await step() for step in (house.vault.jobs.ingest, house.vault.jobs.describe)] == [False, False]


async def test_a_provider_that_stays_away_is_given_up_after_its_attempts(house: House):
    """Each attempt waits longer than the one before, up to a limit; after the last it is failed."""
    recording_id = (await house.announce()).recording_id
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 503.")))
    pauses = []
    for attempt in range(1, MAX_FETCHES):
        before = datetime.now(UTC)
        await house.vault.jobs.ingest()
        after = datetime.now(UTC)
        row = await house.row(recording_id)
        assert (row.state, row.attempts, row.reasons[0].code) == (State.RETRY_WAIT, attempt, "fetch_failed")
        (until,) = await house.database.read(
            lambda tx: tx.connection.execute(
                recordings.select().with_only_columns(recordings.c.not_before)
            ).one()
        )
        assert until > before
        pauses.append(until - after)
        # A machine may take as long as the first pause.
        assert until < datetime.now(UTC) + timedelta(minutes=1) or not await house.vault.jobs.ingest()
        await house.hurry(recording_id)
    assert pauses[0] <= timedelta(seconds=2)
    assert timedelta(minutes=59) <= max(pauses) <= timedelta(hours=2)
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.FAILED
    assert await house.keys_gone(recording_id)
    assert await house.events(recording_id) == ["recording.failed"]
    assert house.audio_objects() == []


async def test_a_final_failure_is_not_tried_again(house: House):
    """Where trying again cannot help, one attempt is enough."""
    recording_id = (await house.announce()).recording_id
    house.fetcher.serve(URL, Media(refuse=FetchFailed("Too large.", final=True)))
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.FAILED
    await house.hurry(recording_id)
    assert not await house.vault.jobs.ingest()


async def test_a_body_that_breaks_off_leaves_nothing(house: House):
    """Half a body is no recording: no object, no upload, and the next attempt brings all of it."""
    recording_id = (await house.announce()).recording_id
    house.fetcher.serve(URL, Media(body=AUDIO, fail_at=len(AUDIO) // 2))
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.RETRY_WAIT
    assert (house.objects.objects, house.objects.uploads, house.fetcher.open) == ({}, {}, 0)
    house.fetcher.serve(URL, Media(body=AUDIO))
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO


async def test_attempts_that_never_end_are_counted(house: House):
    """A recording at which the process dies each time is given up too: the counter moves before the work."""
    recording_id = (await house.announce()).recording_id
    for attempt in range(1, MAX_FETCHES + 1):
        held = await house.database.claim((State.RECEIVED, State.TRANSFERRING), lease=LEASE, likely=True)
        assert held.recording.attempts == attempt
        await house.hurry(recording_id)
    await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.FAILED


async def test_a_zombie_changes_nothing(house: House):
    """A worker lost its lease while it fetched: the other's recording stands, the zombie's object goes."""
    recording_id = (await house.announce()).recording_id
    zombie = await house.fetching()
    hang = house.fetcher.media[URL].hang
    await house.hurry(recording_id)
    house.fetcher.serve(URL, Media(body=AUDIO))
    assert await house.vault.jobs.ingest()
    row = await house.row(recording_id)
    hang.set()
    assert await zombie
    assert await house.row(recording_id) == row
    assert house.audio_objects() == [row.audio.location]
    assert await house.settle(recording_id) is State.AVAILABLE


async def test_a_lost_lease_moves_no_row(house: House):
    """The token of a lease that is over is worth nothing in any direction."""
    recording_id = (await house.announce()).recording_id
    old = await house.database.claim((State.RECEIVED,), lease=LEASE, likely=True)
    await house.hurry(recording_id)
    await house.database.claim((State.TRANSFERRING,), lease=LEASE, likely=True)
    for state in (State.STORED, State.FAILED, State.RETRY_WAIT):
        with pytest.raises(LeaseLost):
            await house.database.write(lambda tx, to=state: move(tx, old, to))
    assert await house.state(recording_id) is State.TRANSFERRING


@pytest.mark.parametrize("late", [False, True])
async def test_a_describer_that_dies_once_is_asked_again(house: House, late: bool):
    """Everything is known of the recording then."""
    house.describer.crashes, house.describer.crash_late = 1, late
    recording_id = (await house.announce()).recording_id
    assert await house.settle(recording_id) is State.AVAILABLE
    row = await house.row(recording_id)
    assert (row.codec, row.attempts) == ("pcm_s16le", 0)
    assert len(house.describer.described) == 1


async def test_what_the_describer_dies_of_is_failed(house: House):
    """Twice, and nothing was ever decoded of it: nobody is given a link to what may be no audio at all."""
    house.describer.crashes = 2
    recording_id = (await house.announce()).recording_id
    assert await house.settle(recording_id) is State.FAILED
    assert (await house.row(recording_id)).reasons[0].code == "describer_crashed"
    assert await house.keys_gone(recording_id)
    assert house.audio_objects() == []


async def test_a_describer_that_dies_of_audio_loses_no_recording(house: House):
    """It is kept and heard; only the waveform and what was to be learned are missing."""
    for late in (False, True):
        house.describer.crashes, house.describer.crash_late = 2, late
        house.describer.decoded_crashes = 1
        recording_id = (await house.announce(f"rec-{late}")).recording_id
        assert await house.settle(recording_id) is State.AVAILABLE
        row = await house.row(recording_id)
        assert (row.duration, row.codec, row.damaged) == (None, None, False)
        assert await house.heard(recording_id) == AUDIO
        with pytest.raises(NotFound):
            await house.vault.playback.player.waveform(house.account.id, recording_id, actor="key_test")


@pytest.mark.parametrize("body", [b"", b"no audio", AUDIO[:30]])
async def test_what_cannot_be_decoded_is_failed(house: House, body: bytes):
    """With a reason, without keys, and without its object."""
    recording_id = (await house.announce(body=body)).recording_id
    assert await house.settle(recording_id) is State.FAILED
    assert (await house.row(recording_id)).reasons[0].code == "undecodable"
    assert await house.keys_gone(recording_id)
    assert house.audio_objects() == []


@pytest.mark.parametrize("damage", ["flip", "cut", "lose"])
async def test_what_does_not_read_back_is_fetched_again(house: House, damage: str):
    """A store that kept something else, less, or nothing: the recording waits and is fetched again."""
    house.step_by_step()
    recording_id = (await house.announce()).recording_id
    await house.vault.jobs.ingest()
    first = (await house.row(recording_id)).audio.location
    kept = house.objects.objects[first]
    if damage == "flip":
        kept.body[len(kept.body) // 2] ^= 1
    elif damage == "cut":
        del kept.body[-1]
    else:
        del house.objects.objects[first]
    await house.vault.jobs.describe()
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.RETRY_WAIT, "read_back_failed")
    assert not await house.vault.jobs.ingest(), "It is fetched again after a pause, and not in a tight loop."
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO
    second = (await house.row(recording_id)).audio.location
    assert second != first
    await house.sweep()
    assert house.audio_objects() == [second]


async def test_a_store_that_never_gives_back_what_it_took_is_given_up(house: House):
    """Reading back that fails each time ends as failed, after as many attempts as anything else."""
    house.step_by_step()
    recording_id = (await house.announce()).recording_id
    for _ in range(MAX_FETCHES):
        await house.hurry(recording_id)
        await house.vault.jobs.ingest()
        for kept in house.objects.objects.values():
            kept.body[-1] ^= 1
        await house.vault.jobs.describe()
    assert await house.state(recording_id) is State.FAILED
    assert len(house.fetcher.requests) < MAX_FETCHES
