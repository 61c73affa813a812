"""Peaks of signals of every length, against a plain computation over the whole signal."""

import numpy as np
import pytest

from vault.audio.peaks import CAPACITY, Peaks
from vault.domain.recordings.media import BUCKETS, MAX_LOUDNESS, Waveform, loudness_points, read_waveform

LENGTHS = [1, 2, 999, 1000, 1001, 8000, CAPACITY - 1, CAPACITY, CAPACITY + 1, 5 * CAPACITY + 77]


def gathered(signal, step):
    """Return the points of a signal that came in pieces: shape (channels, BUCKETS, 2)."""
    peaks = Peaks(signal.shape[1])
    for start in range(0, len(signal), step):
        peaks.add(signal[start : start + step])
    return np.stack([np.frombuffer(channel, np.int8).reshape(BUCKETS, 2) for channel in peaks.result()])


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("step", [1013, 65536])
def test_points_lie_within_their_buckets(length, step):
    """Every point has the extremes of its bucket; beyond the capacity, of one block more at most."""
    signal = np.random.default_rng(length).integers(-32768, 32768, (length, 2)).astype(np.int16)
    # A slow swell makes the buckets differ from each other.
    swell = np.abs(np.sin(np.arange(length) / max(1, length) * 20))[:, None]
    signal = (signal * swell).astype(np.int16)
    found = gathered(signal, step)
    block = 1 if length <= CAPACITY else -(-length // (CAPACITY // 2))
    for bucket in range(0, BUCKETS, 37):
        start, end = bucket * length // BUCKETS, (bucket + 1) * length // BUCKETS
        inner = signal[start + block - 1 : max(end - block + 1, start + block)].astype(np.int32)
        outer = signal[max(0, start - block + 1) : max(end, start + 1) + block - 1].astype(np.int32)
        low, high = found[:, bucket, 0], found[:, bucket, 1]
        assert (low <= inner.min(axis=0) + 128 >> 8).all()
        assert (low >= outer.min(axis=0) + 128 >> 8).all()
        assert (high >= np.minimum(inner.max(axis=0) + 128 >> 8, 127)).all()
        assert (high <= outer.max(axis=0) + 128 >> 8).all()


def test_the_pieces_do_not_matter():
    """A signal in one piece and the same in many give the same points."""
    signal = np.random.default_rng(7).integers(-32768, 32768, (3 * CAPACITY, 1)).astype(np.int16)
    assert (gathered(signal, 1 << 20) == gathered(signal, 4099)).all()


def test_full_scale_stays_within_a_byte():
    """The highest sample rounds up to 128, which a signed byte does not hold: it becomes 127."""
    assert gathered(np.array([[32767], [-32768]], np.int16), 2)[0, [0, -1]].tolist() == [
        [127, 127],
        [-128, -128],
    ]


def loudness(signal, points, step=65536):
    """Return the loudness of a signal that came in pieces: shape (channels, points)."""
    peaks = Peaks(signal.shape[1])
    for start in range(0, len(signal), step):
        peaks.add(signal[start : start + step])
    return np.stack([np.frombuffer(channel, np.uint8) for channel in peaks.loudness(points)])


@pytest.mark.parametrize("length", LENGTHS)
def test_loudness_is_the_root_mean_square(length):
    """Of each point's samples; beyond the capacity an edge is off by one block, so a slow swell differs by little."""
    swell = np.sin(np.arange(length) / length * 20)[:, None] * [1.0, 0.25]
    signal = (np.random.default_rng(length).choice([-30000, 30000], (length, 2)) * swell).astype(np.int16)
    found = loudness(signal, 1000, step=4099)
    for point in range(0, 1000, 37):
        part = signal[point * length // 1000 : max(point * length // 1000 + 1, (point + 1) * length // 1000)]
        expected = np.sqrt((part.astype(np.float64) ** 2).mean(axis=0)) * 255 / 32768
        assert np.abs(found[:, point] - expected).max() <= 3


def test_full_scale_and_silence_are_the_ends_of_the_scale():
    """A square wave at full scale is 255, silence is 0; a short rest counts by its own length."""
    square = np.full((4 * CAPACITY + 3, 1), -32768, np.int16)
    assert set(loudness(square, 1000)[0]) == {255}
    assert set(loudness(np.zeros((8000, 2), np.int16), 1000).ravel()) == {0}


@pytest.mark.parametrize(
    ("seconds", "points"), [(0.1, 1000), (250, 1000), (250.1, 1001), (1800, 7200), (43200, MAX_LOUDNESS)]
)
def test_a_recording_has_four_points_a_second(seconds, points):
    """Never fewer than its peaks have, nor more than the maximum."""
    assert loudness_points(seconds) == points


def test_a_stored_waveform_is_read_back():
    """With its loudness, and without it as earlier releases stored it."""
    peaks = (bytes(range(250)) * 8, bytes(2 * BUCKETS))
    for levels in ((b"a" * 1200, b"b" * 1200), ()):
        waveform = Waveform(peaks=peaks, loudness=levels)
        assert read_waveform(waveform.stored, 2) == waveform
    assert read_waveform(peaks[0], 1) == Waveform(peaks=peaks[:1], loudness=())


@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_silences_of_all_channels_are_found(rate: int, channels: int) -> None:
    """To the sample where blocks are short: not where one channel has sound, and not below two seconds."""
    samples = np.full((20 * rate, channels), 500, np.int16)
    for begin, end, height in ((2, 3.5, 0), (5, 8, 0), (10, 12, -16), (14, 17, 17)):
        samples[round(begin * rate) : round(end * rate)] = height
    samples[7 * rate, -1] = 300
    peaks = Peaks(channels)
    for start in range(0, len(samples), 1000):
        peaks.add(samples[start : start + 1000])
    found = [(one.begin_ms, one.end_ms) for one in peaks.silences(rate)]
    near = 1000 * peaks.width / rate
    assert len(found) == 2
    for (begin, end), (first, last) in zip(found, ((5000, 7000), (10_000, 12_000)), strict=True):
        assert abs(begin - first) <= near
        assert abs(end - last) <= near
