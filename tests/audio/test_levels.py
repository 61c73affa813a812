"""Speech comes to its level, and no sample is above the peak."""

import math

import numpy as np
import pytest

from tests.audio.sounding import RATE, level, peak
from vault.audio.assembling import level_dbfs, levelled


def wordy(*, crest=1.0, loudness=1000.0, seconds=4.0):
    """Return noise in words and pauses; ``crest`` makes single samples stand out."""
    noise = np.random.default_rng(7)
    time = np.arange(round(seconds * RATE)) / RATE
    signal = noise.normal(0, loudness, len(time)) * (np.sin(2 * np.pi * 1.3 * time) > -0.2)
    signal[::997] *= crest
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


SIGNALS = {
    "quiet": wordy(loudness=60),
    "usual": wordy(),
    "loud": wordy(loudness=9000),
    "full-scale": np.where(np.arange(RATE) % 20 < 10, 32767, -32768).astype(np.int16),
    "peaks": wordy(crest=8.0),
    "one-sample-after-a-block": np.concatenate([wordy(), [np.int16(30000)]]),
    "shorter-than-a-block": np.array([900, -900, 300, -20], np.int16),
}


@pytest.mark.parametrize("target", [-30.0, -20.0, -16.0])
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_comes_to_its_level(name, target):
    """Within half a dB of what is wanted, with no sample above -3 dBFS, and as long as it was."""
    out = levelled(SIGNALS[name], target)
    assert len(out) == len(SIGNALS[name])
    assert level(out.astype(float)) == pytest.approx(target, abs=0.5)
    assert peak(out.astype(float)) <= -3.0


def test_speech_without_high_peaks_is_only_made_louder():
    """Where gain is enough the shape stays: each sample is the old one times the same factor."""
    quiet = wordy(loudness=500)
    out = levelled(quiet, -26.0).astype(float)
    factor = np.dot(out, quiet) / np.dot(quiet.astype(float), quiet)
    assert np.abs(out - factor * quiet).max() < 0.6


def test_the_gain_never_jumps():
    """Around a peak the gain sinks and rises by a little from sample to sample, so nothing clicks."""
    signal = np.full(4000, 3000, np.int16)
    signal[2000] = 32767
    out = levelled(signal, -16.0).astype(float)
    gain = out / signal
    assert gain[2000] < 0.75 * gain[100]
    assert np.abs(np.diff(gain)).max() < 0.01 * gain.max()


def test_silence_has_no_level():
    """Zeros, and nothing at all, are infinitely far below full scale."""
    assert level_dbfs(np.zeros(100, np.int16)) == -math.inf
    assert level_dbfs(np.zeros(0, np.int16)) == -math.inf
    assert level_dbfs(np.full(10, -32768, np.int16)) == 0.0
