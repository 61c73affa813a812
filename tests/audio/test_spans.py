"""Samples of a fixed size: where they lie in real files of every such codec, and what is left without some spans."""

import io
import math

import av
import numpy as np
import pytest

from vault.audio.describer import SubprocessDescriber
from vault.audio.spans import layout, measure
from vault.domain.recordings.redaction import (
    FrameSpan,
    Removal,
    Span,
    checked_spans,
    frames_of,
    loudest_silence,
    silence_of,
)
from vault.errors import Undecodable

RATE, SECONDS = 8000, 3
#: Codecs of a WAV file, and the sample format of their encoder.
CODECS = {
    "pcm_u8": "u8", "pcm_s16le": "s16", "pcm_s24le": "s32", "pcm_s32le": "s32", "pcm_f32le": "flt",
    "pcm_f64le": "dbl", "pcm_mulaw": "s16", "pcm_alaw": "s16",
}  # fmt: skip


def noise(codec: str, channels: int) -> bytes:
    """Return a WAV file of noise, which is nowhere silent for long."""
    shape, file = ("mono" if channels == 1 else "stereo"), io.BytesIO()
    samples = (
        np.random.default_rng(7).integers(-20000, 20000, (1, SECONDS * RATE * channels)).astype(np.int16)
    )
    with av.open(file, "w", format="wav") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.layout = shape
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=shape)
        frame.sample_rate = RATE
        for part in av.AudioResampler(format=CODECS[codec], layout=shape, rate=RATE).resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


def removal_of(data: bytes, codec: str, *spans: Span) -> Removal:
    """Return what becomes of a file."""
    found = layout(io.BytesIO(data))
    checked = checked_spans(spans, duration=float(SECONDS), channels=found.channels)
    frames = frames_of(checked, sample_rate=RATE, frames=found.frames)
    return Removal(layout=found, spans=frames, silence=silence_of(codec))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("codec", CODECS)
def test_only_the_spans_become_silence(codec: str, channels: int):
    """By another decoder than the bytes were changed by: silence inside, the same samples outside."""
    data = noise(codec, channels)
    spans = [
        Span(begin_ms=501, end_ms=1003),
        Span(begin_ms=900, end_ms=1500),
        Span(begin_ms=2900, end_ms=3000),
    ]
    if channels == 2:
        spans.append(Span(begin_ms=2000, end_ms=2500, channels=(1,)))
    removal = removal_of(data, codec, *spans)
    changed = removal.apply(0, data)
    old, new = (measure(io.BytesIO(one), removal.spans, max_duration=60) for one in (data, changed))
    assert len(changed) == len(data)
    assert old.loudest > 10_000
    assert new.loudest <= loudest_silence(codec)
    assert new.samples == sum((span.end - span.begin) * len(span.channels) for span in removal.spans)
    assert new.rest == old.rest


@pytest.mark.parametrize("size", [1, 7, 1000, 4099])
def test_the_size_of_the_blocks_does_not_matter(size: int):
    """A block may begin and end within a frame."""
    data = noise("pcm_s24le", 2)
    removal = removal_of(
        data, "pcm_s24le", Span(begin_ms=10, end_ms=20), Span(begin_ms=15, end_ms=40, channels=(1,))
    )
    short = data[:3000]
    parts = [removal.apply(start, short[start : start + size]) for start in range(0, len(short), size)]
    assert b"".join(parts) == removal.apply(0, data)[:3000]
    assert removal.apply(0, data) != data


def test_a_removal_of_one_frame_too_many_is_seen():
    """The measure of the rest finds what the bytes alone would not say."""
    data = noise("pcm_mulaw", 1)
    wanted = removal_of(data, "pcm_mulaw", Span(begin_ms=500, end_ms=600))
    wrong = removal_of(data, "pcm_mulaw", Span(begin_ms=500, end_ms=601)).apply(0, data)
    old, new = (measure(io.BytesIO(one), wanted.spans, max_duration=60) for one in (data, wrong))
    assert new.rest != old.rest


def test_every_frame_that_a_span_touches_is_in_it():
    """At 11,025 Hz a millisecond begins within a frame."""
    (span,) = frames_of([Span(begin_ms=1, end_ms=2, channels=(0,))], sample_rate=11025, frames=99)
    assert (span.begin, span.end) == (math.floor(11.025), math.ceil(22.05))


@pytest.mark.parametrize("data", [b"ID3\x04" + bytes(500), b"RIFF\0\0\0\0WAVEfmt " + bytes(40), b""])
def test_other_files_have_no_such_samples(data: bytes):
    """They are not guessed at."""
    with pytest.raises(Undecodable):
        layout(io.BytesIO(data))


async def test_the_confined_process_says_the_same():
    """Layout and measures come through the protocol as they were found."""
    data = noise("pcm_alaw", 2)
    spans = [FrameSpan(begin=100, end=9000, channels=(0, 1)), FrameSpan(begin=9000, end=9001, channels=(1,))]

    class Source:
        size = len(data)

        async def read(self, start: int, end: int) -> bytes:
            return data[start:end]

    async with SubprocessDescriber() as real:
        assert await real.layout(Source(), account_id="acct_1") == layout(io.BytesIO(data))
        found = await real.measure(Source(), spans, account_id="acct_1")
    assert found == measure(io.BytesIO(data), spans, max_duration=60)
