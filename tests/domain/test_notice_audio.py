"""What may be asked for when the audio of a notice is made.

The WAV files that telephony fetches, to the byte.
"""

import audioop
import io
import math
import struct
import wave
from array import array

import pytest

from vault.domain.notices.audio import PromptRequest, telephone_wav, ulaw
from vault.errors import Invalid

#: A field, and what is just inside and just outside on both sides.
LIMITS = [
    ("beep_hz", (300, 3400), (299, 3401)),
    ("beep_seconds", (0.2, 1.0), (0.19, 1.01, math.nan, math.inf)),
    ("lead_seconds", (0.0, 5.0), (-0.01, 5.01, math.nan)),
    ("trail_seconds", (0.0, 5.0), (-0.01, 5.01, math.nan)),
    ("level_dbfs", (-30.0, -16.0), (-30.1, -15.9, math.nan, -math.inf)),
]
EVERY_SAMPLE = struct.pack("<65536h", *range(-32768, 32768))


@pytest.mark.parametrize(("field", "inside", "outside"), LIMITS, ids=[row[0] for row in LIMITS])
def test_a_wish_has_limits(field, inside, outside):
    """The limits themselves are inside; what is outside names its field."""
    for value in inside:
        PromptRequest(**{field: value}).check()
    for value in outside:
        with pytest.raises(Invalid) as caught:
            PromptRequest(**{field: value}).check()
        assert caught.value.field == field


def test_a_prompt_of_nothing_is_a_beep():
    """Without speech and without a beep there would be silence."""
    PromptRequest(tone_only=True, beep="end").check()
    with pytest.raises(Invalid) as caught:
        PromptRequest(tone_only=True).check()
    assert caught.value.field == "beep"


def test_ulaw_is_that_of_g711():
    """All 65,536 samples have the code that the standard library gives them."""
    assert ulaw(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)


@pytest.mark.parametrize(
    ("sample", "code"),
    # ITU-T G.711, table 2a: the ends of the scale, zero from both sides, and the ends of a segment.
    [
        (32767, 0x80),
        (-32768, 0x00),
        (0, 0xFF),
        (-1, 0x7E),
        (-4, 0x7E),
        (124, 0xEF),
        (-124, 0x6F),
        (31611, 0x81),
        (31612, 0x80),
    ],
)
def test_some_codes_by_hand(sample, code):
    """The sign is the highest bit, and every bit is inverted."""
    assert ulaw(struct.pack("<h", sample)) == bytes([code])


def test_a_pcm_file_is_one_for_the_standard_library():
    """One channel, 16 bits, 8000 samples a second, and the samples as they were; the header has 44 bytes."""
    data = telephone_wav(EVERY_SAMPLE, "pcm")
    with wave.open(io.BytesIO(data)) as file:
        assert file.getparams()[:4] == (1, 2, 8000, 65536)
        assert array("h", file.readframes(65536)) == array("h", range(-32768, 32768))
    assert data[44:] == EVERY_SAMPLE


@pytest.mark.parametrize("samples", [0, 1, 2, 3])
def test_a_ulaw_file_has_these_bytes(samples):
    """58 bytes of header whose sizes are exact, and a byte of padding after an odd number of samples."""
    data = telephone_wav(bytes(2 * samples), "ulaw")
    fmt = b"fmt " + struct.pack("<IHHIIHHH", 18, 7, 1, 8000, 8000, 1, 8, 0)
    fact = b"fact" + struct.pack("<II", 4, samples)
    chunk = b"data" + struct.pack("<I", samples) + b"\xff" * samples + bytes(samples % 2)
    assert data == b"RIFF" + struct.pack("<I", len(data) - 8) + b"WAVE" + fmt + fact + chunk
    assert len(data) == 58 + samples + samples % 2
