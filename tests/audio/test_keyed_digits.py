"""Keyed digits are found at their times in real formats, nothing is found in speech, and another decoder agrees."""

import io
import itertools
import subprocess

import numpy as np
import pytest

from tests.servers.required import require
from tests.support import corpus
from tests.support.keyed import CARD, KEYS, NO_CARD, RATE, call, keyed
from tests.support.plaintext import Sink, Source
from vault.audio.decoding import describe
from vault.audio.describer import SubprocessDescriber
from vault.audio.keyed_digits import KeyDetector
from vault.audio.keyed_sequences import KeyedSequences
from vault.domain.recordings.card_data import KINDS, MAX_FOUND, PADDING_MS, FoundDigits, joined

#: Seconds by which a time may be off.
TOLERANCE = 0.05


def keys_in(samples: np.ndarray, rate: int = RATE, *, block: int = 4321) -> str:
    """Return the keys of one channel, given in blocks."""
    detector, found = KeyDetector(rate), ""
    for start in range(0, len(samples), block):
        found += "".join(key.digit for key in detector.add(samples[start : start + block]))
    return found + "".join(key.digit for key in detector.end())


def found_in(*parts: tuple[float, np.ndarray], seconds: float = 60.0) -> list[tuple[str, float, float]]:
    """Return the sequences of a call of one channel."""
    sequences = KeyedSequences(RATE, 1)
    sequences.add(call(*parts, seconds=seconds))
    return [(one.kind, one.begin_ms / 1000, one.end_ms / 1000) for one in sequences.end()]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize(("tone", "level"), [(0.05, -15.0), (0.04, -20.0), (0.2, -3.0)])
def test_every_key_is_found_once(rate: int, tone: float, level: float):
    """Each of the 16 keys, also one after the other of the same: 50 ms at -15 dB, and shorter and fainter ones."""
    digits = KEYS + KEYS[::-1]
    samples = call((0.3, keyed(digits, tone=tone, pause=0.05, level=level, rate=rate)), seconds=10, rate=rate)
    assert keys_in(samples[:, 0], rate) == digits


@pytest.mark.parametrize("length", [0.04, 0.05, 0.1])
@pytest.mark.parametrize("level", [-3, -15, -20])
def test_every_key_of_the_matrix_is_found_once(length: float, level: int):
    """Tone and pause of this length, with the high frequency up to 4 dB fainter and 8 dB louder, 15 dB above noise.

    8 dB is the most that Q.24 names: a window at the limit must not end the key, and another begin behind it.
    """
    digits = KEYS * 3
    for twist, noise in itertools.product((-8, -4, 0, 4, 8), (30, 15)):
        tones = keyed(digits, tone=length, pause=length, level=level, twist=twist)
        samples = call(
            (0.3, tones), seconds=len(tones) / RATE + 1, noise=32767 * 10 ** ((level - noise) / 20)
        )
        assert keys_in(samples[:, 0]) == digits, (twist, noise)


def test_noise_ten_decibels_below_hides_nothing():
    """A bad line."""
    samples = call((0.3, keyed(KEYS, level=-15)), seconds=5, noise=1000.0)
    assert keys_in(samples[:, 0]) == KEYS


def test_another_decoder_hears_the_same():
    """A decoder that shares nothing with ours, on tones at the limits of what both take."""
    require("multimon-ng", install="apt-get install multimon-ng")
    for tone, level in ((0.06, -12.0), (0.1, -20.0)):
        samples = call(
            (0.3, keyed(KEYS + CARD, tone=tone, pause=0.08, level=level, rate=22050)), seconds=8, rate=22050
        )
        heard = subprocess.run(
            ["multimon-ng", "-q", "-t", "raw", "-a", "DTMF", "-"],
            input=samples.astype("<i2").tobytes(), capture_output=True, check=True, timeout=30,
        ).stdout.decode()  # fmt: skip
        other = "".join(
            line.removeprefix("DTMF: ")[0] for line in heard.splitlines() if line.startswith("DTMF: ")
        )
        assert other == keys_in(samples[:, 0], 22050) == KEYS + CARD


@pytest.mark.parametrize("voice", ["en+m3", "en+f2", "de+m7", "fr+f4", "es+m1", "en+croak"])
def test_no_speech_is_a_sequence(voice: str):
    """Voices of men and women that say numbers: no key is trusted, and no sequence is found."""
    require("espeak-ng", install="apt-get install espeak-ng")
    text = " ".join(["four one one two, please hold the line, nine eight seven, I owe you a new phone."] * 12)
    said = subprocess.run(
        ["espeak-ng", "-v", voice, "--stdout", text], capture_output=True, check=True, timeout=60
    ).stdout
    description = describe(io.BytesIO(said), find_digits=True)
    assert description.duration > 40
    assert description.keyed_digits == ()


def test_the_same_call_without_tones_has_no_sequence():
    """Noise, and loud single tones of the two groups, are no keys."""
    low = 12000 * np.sin(2 * np.pi * 770 * np.arange(20 * RATE) / RATE)
    assert found_in((5, low.astype(np.int16))) == []


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        ([(5, CARD)], ["card_number"]),
        ([(5, NO_CARD)], ["digits"]),
        # With the expiry date and the security code, and after the choice in a menu.
        ([(5, "1"), (12, CARD + "#"), (20, "1227#"), (26, "123#")], ["card_number"]),
        # American Express has 15 digits; a number that begins with 9 is no card.
        ([(5, "378282246310005")], ["card_number"]),
        ([(5, "9111111111111119")], ["digits"]),
        # In groups of four, as it is printed.
        ([(5, "4111"), (9, "1111"), (13, "1111"), (17, "1111")], ["card_number"]),
        ([(5, "12345678")], ["digits"]),
        ([(5, "1234567")], []),
        # A menu: one digit from time to time.
        ([(at, "1") for at in range(2, 58, 7)], []),
        # 20 seconds apart are two, and none of them is long enough.
        ([(5, "1234567"), (30, "1234567")], []),
        ([(5, CARD), (40, "12345678")], ["card_number", "digits"]),
    ],
)  # fmt: skip
def test_what_is_a_sequence(parts: list[tuple[float, str]], kinds: list[str]):
    """By the check digit, the first digit, the gaps, and how many come how fast."""
    assert [kind for kind, *_ in found_in(*((at, keyed(digits)) for at, digits in parts))] == kinds


def test_a_sequence_begins_and_ends_with_its_digits():
    """From the first of 16 digits to the end of the last one."""
    ((_kind, begin, end),) = found_in((7.0, keyed(CARD)))
    assert abs(begin - 7.0) < TOLERANCE
    assert abs(end - (7.0 + 31 * 0.1)) < TOLERANCE


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("wav", "pcm_s16le", {}), ("wav", "pcm_mulaw", {}), ("wav", "pcm_alaw", {}), ("mp3", "mp3", {}),
        ("ogg", "libopus", {"rate": 48000}), ("flac", "flac", {}),
        # It models a voice: the beginning of a tone is faint, and so is the higher one of its two.
        ("amr", "libopencore_amrnb", {"channels": 1, "tolerance": PADDING_MS / 1000}),
    ],
)  # fmt: skip
async def test_formats_of_calls(container: str, codec: str, options: dict):
    """By the confined process: a number in both channels is one sequence, at its time; off, nothing is looked for."""
    rate, channels = options.get("rate", RATE), options.get("channels", 2)
    samples = call((4.0, keyed(CARD, rate=rate)), seconds=12, rate=rate, channels=channels)
    source = corpus.encode(container, codec, samples, rate=rate)
    async with SubprocessDescriber() as describer:
        found = await describer.describe(Source(source), Sink(), account_id="a", find_digits=True)
        assert (await describer.describe(Source(source), Sink(), account_id="a")).keyed_digits == ()
    ((kind, begin, end),) = [(one.kind, one.begin_ms / 1000, one.end_ms / 1000) for one in found.keyed_digits]
    assert kind == "card_number"
    allowed = options.get("tolerance", 2 * TOLERANCE)
    assert abs(begin - 4.0) < allowed
    assert abs(end - 7.1) < allowed


def test_more_sequences_than_are_kept_are_joined():
    """Nothing that was found is left out: the last one reaches to the end, and it is a card if any in it is."""
    many = [FoundDigits(kind="digits", begin_ms=at * 100, end_ms=at * 100 + 50) for at in range(300)]
    many[250] = FoundDigits(kind="card_number", begin_ms=25000, end_ms=25050)
    kept = joined(many)
    assert len(kept) == MAX_FOUND
    assert (kept[-1].kind, kept[-1].begin_ms, kept[-1].end_ms) == ("card_number", 9900, 29950)
    assert KINDS[0] == "card_number"
