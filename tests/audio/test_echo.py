"""An echo is found in the channel that has it, however faint and late, and nothing else is taken for one."""

from importlib import resources

import numpy as np
import pytest

from tests.support import corpus
from vault.audio.echo import EchoDetector

RATE = 8000
#: Two people who speak in turns.
CALL = corpus.decode((resources.files("vault.audio") / "sample" / "call.wav").read_bytes())
#: Milliseconds: none, of a telephone network, and of one with a conference bridge and a satellite.
DELAYS = (0, 60, 180, 480)


def heard(samples, rate=RATE, block=65536):
    """Return for each channel whether it has an echo of the other one."""
    echo = EchoDetector(rate)
    for start in range(0, len(samples), block):
        echo.add(samples[start : start + block].astype("<i2").tobytes())
    return echo.detect()


def with_echo(samples, decibels, milliseconds, *, into=1, rate=RATE):
    """Return the samples with a copy of the other channel in ``into``, so much quieter and so much later."""
    out, late = samples.astype(float), milliseconds * rate // 1000
    out[late:, into] += 10 ** (decibels / 20) * samples[: len(samples) - late, 1 - into]
    return np.clip(np.rint(out), -32768, 32767).astype(np.int16)


def by_mu_law(samples):
    """Return the samples as they are after G.711, with 255 steps."""
    sign, size = np.sign(samples), np.abs(samples.astype(float)) / 32768
    steps = np.rint(np.log1p(255 * size) / np.log(256) * 127)
    return (sign * np.expm1(steps / 127 * np.log(256)) / 255 * 32768).astype(np.int16)


@pytest.mark.parametrize("into", [0, 1])
@pytest.mark.parametrize("milliseconds", DELAYS[1:])
@pytest.mark.parametrize("decibels", [-20, -30, -40, -50])
def test_an_echo_is_found_in_its_channel_alone(decibels, milliseconds, into):
    """From what everybody hears to what is below the noise of a line."""
    found = heard(with_echo(CALL, decibels, milliseconds, into=into))
    assert found == (into == 0, into == 1)


def test_two_people_are_no_echo_of_each_other():
    """The call as it is; at 50 other offsets, so that they speak at the same time; and for a quarter of an hour."""
    assert heard(CALL) == (False, False)
    turned = np.random.default_rng(1).integers(len(CALL), size=(50, 2))
    for one, other in turned:
        both = np.stack([np.roll(CALL[:, 0], one), np.roll(CALL[:, 1], other)], axis=1)
        assert heard(both) == (False, False)
    assert heard(np.tile(CALL, (25, 1))) == (False, False)


def test_an_echo_is_found_while_both_speak():
    """The louder voice in the same second does not hide it."""
    both = np.stack([CALL[:, 0], np.roll(CALL[:, 0], 11 * RATE)], axis=1)
    assert heard(both) == (False, False)
    assert heard(with_echo(both, -30, 180)) == (False, True)


def test_an_echo_is_found_after_a_codec():
    """G.711 makes an error that follows the louder voice: an echo 35 dB below it stays."""
    assert heard(by_mu_law(CALL)) == (False, False)
    assert heard(by_mu_law(with_echo(CALL, -35, 180))) == (False, True)


def test_an_echo_of_a_room_is_found():
    """It comes by a hundred ways within a tenth of a second."""
    random, echoed = np.random.default_rng(2), CALL
    for way in range(100):
        echoed = with_echo(echoed, -45 - way / 4 + float(random.normal(0, 3)), 60 + int(random.integers(100)))
    assert heard(echoed) == (False, True)


@pytest.mark.parametrize(("rate", "times"), [(48000, 6), (22050, 2), (11025, 1)])
def test_any_sample_rate_is_compared(rate, times):
    """High rates are averaged to about 8 kHz."""
    samples = np.repeat(CALL, times, axis=0)
    assert heard(samples, rate) == (False, False)
    assert heard(with_echo(samples, -30, 180, rate=rate), rate) == (False, True)


@pytest.mark.parametrize("block", [1000, 4096, 300_000])
def test_the_blocks_do_not_matter(block):
    """Nor does a recording that is shorter than a window with the longest delay."""
    echoed = with_echo(CALL, -30, 180)
    assert heard(echoed, block=block) == (False, True)
    assert heard(echoed[:10_000], block=block) == (False, True)
    assert heard(CALL[:10_000], block=block) == (False, False)


@pytest.mark.parametrize("rate", [8000, 11025, 44100])
@pytest.mark.parametrize("seconds", [0.01, 0.125, 0.3, 0.5, 1.0, 1.1, 1.3, 1.6, 2.6])
def test_noise_of_a_moment_has_no_echo(seconds, rate):
    """Whatever the length: what is cut off or padded must not look like a sound that both channels have."""
    random = np.random.default_rng(4)
    for _ in range(5):
        samples = random.normal(0, 3000, (round(seconds * rate), 2)).astype(np.int16)
        assert heard(samples, rate) == (False, False)


def test_a_crosstalk_without_a_delay_is_found():
    """It is in both channels then, as far as anybody can tell."""
    assert heard(with_echo(CALL, -30, 0)) == (True, True)


@pytest.mark.parametrize(
    "samples",
    [
        np.empty((0, 2), np.int16),
        np.zeros((3 * RATE, 2), np.int16),
        np.full((3 * RATE, 2), 9000, np.int16),
        np.stack([CALL[:, 0], 0 * CALL[:, 0]], axis=1),
    ],
    ids=["nothing", "silence", "a level", "one is silent"],
)
def test_silence_has_no_echo(samples):
    """Nothing can be heard in it."""
    assert heard(samples) == (False, False)


def test_hum_of_the_mains_is_no_voice():
    """Both channels have it, in phase."""
    seconds = np.arange(len(CALL)) / RATE
    hum = 200 * np.sin(2 * np.pi * 50 * seconds) + 100 * np.sin(2 * np.pi * 150 * seconds)
    assert heard((CALL + hum[:, np.newaxis]).astype(np.int16)) == (False, False)


def test_an_hour_takes_no_more_memory_than_a_minute():
    """Kept are the sums and less than two windows."""
    echo = EchoDetector(RATE)
    for _ in range(120):
        echo.add(CALL.astype("<i2").tobytes())
        assert len(echo._waiting) < 12288
