"""A pause is compared with the audio that arrives: where that has sound, nobody hears it before a person decides."""

from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import update

from tests.support import corpus
from tests.support.parties import ME
from tests.support.service_house import House
from tests.support.tenant import moment
from vault.database.schema.card_data import recording_pauses
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.services.consent.consent_records import ConsentRequest
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording

RATE, SECONDS, CALL = 8000, 60, "call-1"
PAUSED = (20, 40)


def audio(*silent: tuple[int, int]) -> bytes:
    """Return a call with sound everywhere but there."""
    samples = np.random.default_rng(5).integers(-4000, 4000, (SECONDS * RATE, 1)).astype(np.int16)
    for begin, end in silent:
        samples[begin * RATE : end * RATE] = 0
    return corpus.wav(samples)


async def arrived(house: House, body: bytes) -> str:
    """Return the recording of a call that was paused."""
    house.describer.find_silences = True
    ended = datetime.now(UTC) - timedelta(minutes=2)
    started = ended - timedelta(seconds=SECONDS)
    facts = CallFacts(
        call_ref=CALL, direction="inbound", started_at=started, answered_at=started, ended_at=ended
    )
    await house.vault.recordings.calls.start(house.account.id, facts)
    paused = await house.vault.recordings.calls.pauses.pause(house.account.id, CALL, reason="card", **ME)
    begin, end = (started + timedelta(seconds=second) for second in PAUSED)
    then = update(recording_pauses).where(recording_pauses.c.id == paused.id)
    then = then.values(asked_at=begin, ended_at=end, expires_at=end)
    await house.database.write(lambda tx: tx.connection.execute(then) and None)
    receipt = await house.announce(body=body, started_at=moment(started), ended_at=moment(ended))
    assert receipt.recording_id is not None
    while await house.vault.jobs.ingest() or await house.vault.jobs.describe():
        pass
    return receipt.recording_id


async def said(house: House, recording_id: str) -> list[dict]:
    """Return what the evidence says of pauses."""
    row = await house.row(recording_id)
    keys = await house.database.read(lambda tx: tx.recordings.keys(recording_id))
    opened = await open_recording(house.vault.recordings.recordings.ring, row, keys)
    entries = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    contents = [open_entry(opened, entry).content for entry in entries]
    return [content["pause"] for content in contents if content["kind"] == "pause"]


async def test_a_pause_that_left_silence_is_seen(house: House):
    """The recording is available, and its evidence has the pause: who asked, what was answered, what was found."""
    recording_id = await arrived(house, audio(PAUSED))
    assert await house.state(recording_id) is State.AVAILABLE
    (pause,) = await said(house, recording_id)
    assert (pause["audio"], pause["answer"], pause["asked_by"]) == ("seen", "impossible", ME["actor"])


async def test_a_pause_that_the_provider_ignored_is_found_out(house: House):
    """It waits in quarantine, and says why; whoever releases it is responsible for that."""
    recording_id = await arrived(house, audio())
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.QUARANTINED, "pause_not_seen")
    (pause,) = await said(house, recording_id)
    assert pause["audio"] == "not_seen"
    await house.vault.recordings.quarantine.release(house.account.id, recording_id, reason="r", **ME)
    assert await house.state(recording_id) is State.AVAILABLE


async def test_silence_at_another_time_is_not_the_pause(house: House):
    """As long as the pause, but before it."""
    recording_id = await arrived(house, audio((0, 12)))
    assert await house.state(recording_id) is State.QUARANTINED


async def test_consent_that_arrives_later_lets_nobody_hear_it(house: House):
    """It answers another question than the pause, also where the account accepts recordings without it."""
    recording_id = await arrived(house, audio())
    before_it = datetime.now(UTC) - timedelta(minutes=10)
    report = ConsentRequest(party="caller", answer="accepted", method="form", at=before_it)
    await house.vault.consent.records.report(house.account.id, CALL, report, **ME)
    row = await house.row(recording_id)
    assert (row.state, row.reasons[0].code) == (State.QUARANTINED, "pause_not_seen")


async def test_a_call_that_was_not_paused_says_nothing_of_pauses(house: House):
    """Whatever its audio is."""
    receipt = await house.announce(body=audio())
    assert await house.settle(receipt.recording_id) is State.AVAILABLE
    assert await said(house, receipt.recording_id) == []
