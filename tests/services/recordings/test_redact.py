"""Spans of audio are removed: silence inside, all else equal, and nothing opens the old audio any more."""

import struct

import pytest

from tests.support.parties import ME
from tests.support.retention import place
from tests.support.service_house import WITHOUT_EVIDENCE, House
from vault.domain.recordings.media import wav_header
from vault.domain.recordings.recording import State
from vault.domain.recordings.redaction import Span
from vault.errors import Held, Invalid, NotFound, Tampered
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.shared.encrypted_fields import open_recording

RATE = 8000


def speech(channels: int = 1, *, seconds: int = 4) -> bytes:
    """Return a WAV file in which every sample is another one, and none is silent."""
    count = seconds * RATE
    samples = [
        1 + (number * 37 + channel * 11) % 20000 for number in range(count) for channel in range(channels)
    ]
    data = struct.pack(f"<{len(samples)}h", *samples)
    return wav_header(sample_rate=RATE, channels=channels, samples=count) + data


async def stored(house: House, body: bytes, *, ref: str = "rec-1") -> str:
    """Return an available recording of this audio, whose manifest is written."""
    await house.vault.consent.policy.set(house.account.id, WITHOUT_EVIDENCE, if_version=None, **ME)
    receipt = await house.announce(ref, body=body)
    recording_id = receipt.recording_id
    assert await house.settle(recording_id) is State.AVAILABLE
    while await house.vault.jobs.write_manifests():
        pass
    return recording_id


async def redact(house: House, recording_id: str, *spans: Span) -> None:
    await house.vault.recordings.recordings.redact(
        house.account.id, recording_id, spans, reason="card data", **ME
    )


@pytest.mark.parametrize("channels", [1, 2])
async def test_inside_is_silence_and_outside_is_equal(house: House, channels: int):
    """Every byte outside the span is the same one, and every byte inside is 0."""
    body = speech(channels)
    recording_id = await stored(house, body)
    await redact(house, recording_id, Span(begin_ms=1000, end_ms=2500))
    heard = await house.heard(recording_id)
    first, end = (44 + 2 * channels * RATE * ms // 1000 for ms in (1000, 2500))
    assert heard == body[:first] + bytes(end - first) + body[end:]


async def test_one_channel_alone(house: House):
    """The other channel is not touched."""
    body = speech(2)
    recording_id = await stored(house, body)
    await redact(house, recording_id, Span(begin_ms=500, end_ms=1500, channels=(1,)))
    old, new = (
        memoryview(audio)[44:].cast("h").tolist() for audio in (body, await house.heard(recording_id))
    )
    assert new[0::2] == old[0::2]
    assert new[1::2] == [*old[1::2][:4000], *[0] * 8000, *old[1::2][12000:]]


async def test_nothing_opens_the_old_audio(house: House):
    """The old object is deleted, and the new key opens everything that stayed: details, evidence, waveform."""
    recording_id = await stored(house, speech())
    before, keys = await house.row(recording_id), await keys_of(house, recording_id)
    old = await open_recording(house.vault.recordings.recordings.ring, before, keys)
    await redact(house, recording_id, Span(begin_ms=0, end_ms=1000))
    after, new_keys = await house.row(recording_id), await keys_of(house, recording_id)
    new = await open_recording(house.vault.recordings.recordings.ring, after, new_keys)
    assert old.key.secret != new.key.secret
    assert not set(before.locations) & set(house.objects.objects)
    assert set(after.locations) <= set(house.objects.objects)
    assert old.details().sha256 != new.details().sha256
    assert new.waveform() is not None
    rows = await house.database.read(lambda tx: tx.evidence.of_recording(recording_id))
    said = [open_entry(new, row).content for row in rows]
    with pytest.raises(Tampered):
        open_entry(old, rows[0])
    assert said[-1]["kind"] == "redaction"
    assert said[-1]["spans"] == [{"begin_ms": 0, "end_ms": 1000, "channels": [0]}]
    assert (said[-1]["reason"], said[-1]["by"]) == ("card data", ME["actor"])
    assert said[-1]["old_sha256"] == old.details().sha256.hex()
    assert said[-1]["new_sha256"] == new.details().sha256.hex()


async def keys_of(house: House, recording_id: str):
    found = await house.database.read(lambda tx: tx.recordings.keys(recording_id))
    assert found is not None
    return found


async def test_the_manifest_follows(house: House):
    """The manifest has the new key once it is due, and the closing act goes only then."""
    recording_id = await stored(house, speech())
    location = f"manifests/{house.account.id}/{recording_id}.json"
    before = house.objects.objects[location].body
    await redact(house, recording_id, Span(begin_ms=0, end_ms=1000))
    assert "recording.redacted" in await house.events(recording_id)
    assert house.objects.objects[location].body == before
    while await house.vault.jobs.write_manifests():
        pass
    assert house.objects.objects[location].body != before


async def test_a_hold_forbids_it(house: House):
    """A hold keeps all of it."""
    recording_id = await stored(house, speech())
    await place(house, recordings=[recording_id])
    with pytest.raises(Held):
        await redact(house, recording_id, Span(begin_ms=0, end_ms=1000))


@pytest.mark.parametrize(
    "span",
    [
        Span(begin_ms=1000, end_ms=1000), Span(begin_ms=0, end_ms=4002), Span(begin_ms=-1, end_ms=5),
        Span(begin_ms=0, end_ms=10, channels=(1,)),
    ],
)  # fmt: skip
async def test_a_wrong_range_is_named(house: House, span: Span):
    """What is not in the recording is refused, and nothing changes."""
    body = speech()
    recording_id = await stored(house, body)
    with pytest.raises(Invalid) as caught:
        await redact(house, recording_id, span)
    assert caught.value.field == "ranges"
    assert await house.heard(recording_id) == body


async def test_of_another_account_there_is_none(house: House):
    """404, whatever exists."""
    recording_id = await stored(house, speech())
    with pytest.raises(NotFound):
        await house.vault.recordings.recordings.redact(
            "acct_0", recording_id, [Span(begin_ms=0, end_ms=1)], reason="x", **ME
        )
