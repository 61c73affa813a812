"""Files that are cut, that lie, or that are no audio: each has one right answer, and it is never a crash."""

import io
import wave

import pytest

from tests.support import corpus
from vault.audio import decoding, riff
from vault.audio.reasons import Reason
from vault.domain.recordings.media import wav_header
from vault.errors import Undecodable

pytestmark = pytest.mark.faults

UNDECODABLE, DAMAGED, UNSIZED = corpus.undecodable(), corpus.damaged(), corpus.unsized()
POLYGLOTS = corpus.polyglots()
REASONS = {
    "empty": Reason.EMPTY,
    "elf": Reason.UNKNOWN_FORMAT,
    "html": Reason.TEXT,
    "html-before-audio": Reason.TEXT,
    "s3-error": Reason.TEXT,
    "text": Reason.TEXT,
    "json": Reason.TEXT,
    "playlist": Reason.TEXT,
    "concat": Reason.TEXT,
    "zip": Reason.UNKNOWN_FORMAT,
    "avi": Reason.UNKNOWN_FORMAT,
    "png": Reason.UNKNOWN_FORMAT,
    "wav-no-channels": Reason.CHANNELS,
    "wav-3-channels": Reason.CHANNELS,
    "wav-rate-96k": Reason.SAMPLE_RATE,
    "wav-unknown-tag": Reason.CODEC,
    "wav-header-only": Reason.NO_SAMPLES,
}


@pytest.mark.parametrize("name", UNDECODABLE)
def test_what_is_no_recording_is_undecodable(name):
    """The reason is one of the vault's sentences, and the right one where there is only one."""
    with pytest.raises(Undecodable) as caught:
        decoding.describe(io.BytesIO(UNDECODABLE[name]))
    assert Reason(str(caught.value)) is REASONS.get(name, Reason(str(caught.value)))


@pytest.mark.parametrize("name", POLYGLOTS)
def test_audio_that_is_also_a_page_is_described_as_audio(name):
    """Nothing of the page is taken for sound, and the whole second is there."""
    found = decoding.describe(io.BytesIO(POLYGLOTS[name]))
    assert found.container == name.partition("-")[0]
    assert found.duration == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_cut_or_lies_is_damaged(name):
    """The audio that is there is kept, counted by its samples, and flagged."""
    found = decoding.describe(io.BytesIO(DAMAGED[name]))
    assert found.damaged
    assert 0.3 < found.duration < 2.1


@pytest.mark.parametrize("name", UNSIZED)
def test_a_header_without_sizes_is_repaired(name):
    """The whole audio is there, nothing is damaged, and the rendition is the same samples."""
    found = decoding.describe(io.BytesIO(UNSIZED[name]))
    assert (found.claimed_duration, found.duration, found.damaged) == (None, 1.0, False)
    assert found.rendition
    plan = decoding.plan_rendition(found)
    rendered = b"".join(decoding.render(io.BytesIO(UNSIZED[name]), plan))
    assert rendered == corpus.tones().tobytes()


def test_an_mp3_that_ends_early_gets_a_rendition():
    """Its Xing frame promises what is not there, and Chromium gives up where it seeks."""
    found = decoding.describe(io.BytesIO(DAMAGED["mp3-half"]))
    assert found.rendition
    assert found.claimed_duration == pytest.approx(2.0, abs=0.01)
    assert found.duration < 1.2


def test_an_odd_tail_is_no_damage():
    """A byte after the last whole sample changes nothing."""
    found = decoding.describe(io.BytesIO(corpus.wav(corpus.tones()) + b"\0"))
    assert (found.duration, found.damaged) == (1.0, False)


def test_a_header_is_what_the_standard_library_reads():
    """The 44 bytes name exactly the samples that follow."""
    samples = corpus.tones()
    data = wav_header(sample_rate=8000, channels=2, samples=len(samples)) + samples.tobytes()
    with wave.open(io.BytesIO(data)) as file:
        assert file.getparams()[:4] == (2, 2, 8000, 8000)
        assert file.readframes(8001) == samples.tobytes()
    assert data == corpus.wav(samples)


@pytest.mark.parametrize("end", range(0, 60, 3))
def test_claims_are_read_from_any_beginning(end):
    """A header cut anywhere gives claims or None, and no error."""
    claims = riff.read_claims(io.BytesIO(corpus.wav(corpus.tones())[:end]))
    assert (claims is None) == (end < 44)


def test_rf64_claims_its_long_size():
    """The size of an RF64 file stands in its ds64 chunk (EBU Tech 3306)."""
    body = b"WAVE" + corpus.chunk(b"ds64", bytes(8) + (16000).to_bytes(8, "little") + bytes(12))
    body += corpus.fmt(1, 2, 8000, 16) + b"data" + b"\xff" * 4 + bytes(16000)
    claims = riff.read_claims(io.BytesIO(b"RF64" + b"\xff" * 4 + body))
    assert claims is not None
    assert (claims.duration, claims.repairable) == (0.5, True)


@pytest.mark.parametrize("lengths", [(1.0, 0.5), (0.5, 1.0)])
def test_chained_ogg_is_not_damaged(lengths):
    """Each stream of the chain counts from zero, so the end of the last one says nothing of the whole."""
    links = [corpus.encode("ogg", "libopus", corpus.tones(length), encoder_rate=48000) for length in lengths]
    found = decoding.describe(io.BytesIO(b"".join(links)))
    assert (found.duration, found.damaged) == (1.5, False)
