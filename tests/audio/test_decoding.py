"""What files are as audio, against files made by FFmpeg's own encoders.

The page of uploads says which audio is accepted.
"""

import io
from pathlib import Path

import numpy as np
import pytest

from tests.support import corpus
from vault.audio import codecs, decoding
from vault.audio.codecs import CONTAINERS, SAMPLE_RATES
from vault.audio.reasons import Reason
from vault.domain.recordings.media import BUCKETS, MAX_DURATION, wav_header
from vault.errors import Undecodable

GOOD = corpus.good()
#: Codecs that give back exactly the samples they took.
LOSSLESS = ("pcm16", "s24", "f32", "extensible-pcm", "flac")
PAGE = Path(__file__).parents[2] / "docs" / "upload-a-recording.md"


def points(channel):
    """Return the peaks of a channel: shape (BUCKETS, 2)."""
    return np.frombuffer(channel, np.int8).reshape(BUCKETS, 2)


@pytest.mark.parametrize("name", GOOD)
def test_a_recording_is_what_its_encoder_made(name):
    """Container, codec, channels, rate and length come out as they went in, and nothing is damaged."""
    data, container, codec, channels, rate, rendition = GOOD[name]
    found = decoding.describe(io.BytesIO(data))
    assert (found.container, found.codec) == (container, codec)
    assert (found.channels, found.sample_rate) == (channels, rate)
    assert found.duration == pytest.approx(1.0, abs=0.07)
    assert found.errors == 0
    assert not found.damaged
    assert found.rendition is rendition
    assert [len(channel) for channel in found.peaks] == [2 * BUCKETS] * channels


@pytest.mark.parametrize("name", [name for name in GOOD if name != "gsm"])
def test_peaks_are_those_of_the_tones(name):
    """The loud tone peaks at 16000 / 256 and the soft one at 5000 / 256, whatever the codec."""
    found = decoding.describe(io.BytesIO(GOOD[name][0]))
    for channel, height in zip(found.peaks, (62.5, 19.5), strict=False):
        middle = points(channel)[100:900]
        assert middle[:, 1].max() == pytest.approx(height, abs=12)
        assert middle[:, 0].min() == pytest.approx(-height, abs=12)
    if found.channels == 2:
        assert points(found.peaks[0])[:, 1].max() > 2 * points(found.peaks[1])[:, 1].max()


@pytest.mark.parametrize("name", LOSSLESS)
def test_peaks_of_a_lossless_file_are_exact(name):
    """Each of the 1000 points holds the lowest and highest sample of its eight."""
    found = decoding.describe(io.BytesIO(GOOD[name][0]))
    eights = corpus.tones().astype(np.int32).reshape(BUCKETS, 8, 2)
    for index, channel in enumerate(found.peaks):
        assert (points(channel)[:, 0] == (eights[:, :, index].min(axis=1) + 128) >> 8).all()
        assert (points(channel)[:, 1] == (eights[:, :, index].max(axis=1) + 128) >> 8).all()


@pytest.mark.parametrize("name", [name for name, row in GOOD.items() if row[5] and row[2] != "amr_nb"])
def test_a_rendition_holds_the_decoded_samples(name):
    """The PCM16 bytes are those that FFmpeg decodes, and as many as the plan says."""
    data = GOOD[name][0]
    plan = decoding.plan_rendition(decoding.describe(io.BytesIO(data)))
    rendered = b"".join(decoding.render(io.BytesIO(data), plan))
    expected = corpus.decode(data)[: plan.samples]
    assert len(expected) == plan.samples
    assert rendered == expected.astype("<i2").tobytes()


def test_amr_is_decoded_by_opencore():
    """AMR-NB samples are those of libopencore_amrnb, which knows discontinuous transmission."""
    data = GOOD["amr"][0]
    plan = decoding.plan_rendition(decoding.describe(io.BytesIO(data)))
    rendered = b"".join(decoding.render(io.BytesIO(data), plan))
    # A mode 15 frame (NO_DATA, RFC 4867 section 5.3) is what handsets send in silence.
    quiet = data + b"\x7c" * 50
    found = decoding.describe(io.BytesIO(quiet))
    assert found.errors == 0
    assert found.duration == pytest.approx(plan.samples / 8000 + 1.0)
    assert len(rendered) == 2 * plan.samples
    assert np.abs(np.frombuffer(rendered, "<i2")).max() > 10000


def test_a_recording_shorter_than_its_points_is_drawn():
    """Ten samples still give 1000 points, each sample a hundred times."""
    samples = np.arange(-5, 5, dtype=np.int16)[:, None] * 256
    found = decoding.describe(io.BytesIO(corpus.wav(samples)))
    assert found.duration == 10 / 8000
    assert points(found.peaks[0])[::100, 0].tolist() == list(range(-5, 5))
    assert points(found.peaks[0])[99::100, 1].tolist() == list(range(-5, 5))


def test_too_long_is_told_by_decoded_samples():
    """A recording over the limit is refused after the limit, and one at the limit is taken."""
    data = corpus.wav(corpus.tones(2.0))
    assert decoding.describe(io.BytesIO(data), max_duration=2.0).duration == 2.0
    with pytest.raises(Undecodable, match=Reason.TOO_LONG):
        decoding.describe(io.BytesIO(data), max_duration=1.9)


@pytest.mark.parametrize("name", ["flac", "mp3", "opus"])
def test_the_audio_is_found_under_a_wrong_name(name):
    """Only the bytes say what a file is: a name on the file object changes nothing."""
    file = io.BytesIO(GOOD[name][0])
    file.name = "call.amr"
    assert decoding.describe(file).codec == GOOD[name][2]


def test_twelve_hours_of_wide_stereo_fit_into_a_wav_file():
    """The rate of a rendition is halved where 32-bit sizes would not hold it."""
    found = decoding.describe(io.BytesIO(GOOD["opus"][0]))
    fields = {name: getattr(found, name) for name in found.__slots__} | {"duration": 12 * 3600.0}
    plan = decoding.plan_rendition(type(found)(**fields))
    assert (plan.sample_rate, plan.samples) == (24000, 12 * 3600 * 24000)


def test_a_rendition_at_another_rate_keeps_its_exact_length():
    """Resampling pads or cuts to the samples that the header names."""
    plan = decoding.Rendition(sample_rate=4000, channels=2, samples=4001)
    rendered = b"".join(decoding.render(io.BytesIO(GOOD["ulaw"][0]), plan))
    assert len(rendered) == 4001 * 4


@pytest.mark.parametrize("missing", [0, 1, 5_000])
@pytest.mark.parametrize("name", [name for name, row in GOOD.items() if row[1] == "wav"])
def test_a_wav_file_is_the_same_in_larger_packets(name: str, missing: int, monkeypatch: pytest.MonkeyPatch):
    """What the options for WAV files change is how often FFmpeg is asked, not what it says."""
    data = GOOD[name][0][: -missing or None]
    found = decoding.describe(io.BytesIO(data))
    monkeypatch.setattr(codecs, "WAV_OPTIONS", {})
    assert found == decoding.describe(io.BytesIO(data))


def test_a_wav_file_is_decoded_in_few_packets():
    """FFmpeg's own packets have 4 KiB, and most of a packet's cost does not depend on its size."""
    seconds = 17
    file = io.BytesIO(
        wav_header(sample_rate=8000, channels=2, samples=8000 * seconds) + bytes(32_000 * seconds)
    )
    reading = decoding.Pass(file)
    with reading.input:
        assert sum(1 for _ in reading.input.demux(reading.stream)) <= seconds * 32_000 // 16_000 + 2


def test_the_page_of_uploads_has_the_accepted_rates_and_formats():
    """Those of the code: a file outside them ends as failed, after it was stored."""
    (accepted,) = (part for part in PAGE.read_text().split("\n\n") if part.startswith("Accepted are"))
    words = accepted.lower()
    assert f"{SAMPLE_RATES.start:,} to {SAMPLE_RATES.stop - 1:,} hz" in words
    assert f"up to {MAX_DURATION // 3600} hours" in words
    names = {"mov": "mp4"}
    assert {name for name in CONTAINERS if names.get(name, name) not in words} == set()
