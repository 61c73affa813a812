"""The audio of a notice: the options of its generation, the result, and the WAV files of it for telephony platforms.

Those have 8000 Hz and one channel, in PCM16 or µ-law. µ-law is that of ITU-T G.711 (table 2a): eight segments, each
twice as wide as the one before it, with sixteen steps each. Python 3.13 no longer has audioop, so the table is computed
here.
"""

import struct
import sys
from array import array
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

from vault.errors import Invalid
from vault.sentence import Sentence

Beep = Literal["none", "start", "end"]
Encoding = Literal["pcm", "ulaw"]
#: Sample rate in Hz, that of telephone lines. A prompt has one channel of 16-bit samples.
RATE = 8000
#: Maximum size of an uploaded audio file, in bytes.
MAX_UPLOAD = 5 << 20
#: Maximum duration of a prompt.
MAX_SECONDS = 30
#: Audio below this level is treated as silence.
SILENT_DBFS = -50.0
#: Maximum sample level of a prompt, so that no line clips it.
PEAK_DBFS = -3.0
#: Pause between the beep and the speech.
GAP_SECONDS = 0.2
#: Minimum and maximum of the fields of PromptRequest.
_RANGES = {
    "beep_hz": (300, 3400),
    "beep_seconds": (0.2, 1.0),
    "lead_seconds": (0.0, 5.0),
    "trail_seconds": (0.0, 5.0),
    "level_dbfs": (-30.0, -16.0),
}
#: WAV format tag and bits per sample.
_PCM, _ULAW = (1, 16), (7, 8)
#: G.711 has 14 bits; 16-bit samples lose their last two.
_LOST_BITS = 2
_MAX_SAMPLE = 1 << 13
#: Added to a value before its segment is determined.
_BIAS = 33


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest:
    """The options for generating a prompt, from uploaded speech or without speech."""

    #: Before or after the speech.
    beep: Beep = "none"
    #: The usual frequency of recording tones; inside the band of a telephone line.
    beep_hz: int = 1400
    beep_seconds: float = 0.5
    #: Silence before and after the prompt.
    lead_seconds: float = 0.2
    trail_seconds: float = 0.2
    #: Root mean square of the speech and of the beep.
    level_dbfs: float = -20.0
    #: Generate only a beep, without speech.
    tone_only: bool = False

    def check(self) -> None:
        """Validate the fields. Raises Invalid, naming the field."""
        for name, (least, most) in _RANGES.items():
            # This form also refuses NaN.
            if not least <= getattr(self, name) <= most:
                bounds = {"least": f"{least:g}", "most": f"{most:g}"}
                text = Sentence("%(name)s must be between %(least)s and %(most)s.", name=name, **bounds)
                raise Invalid(text, field=name)
        if self.tone_only and self.beep == "none":
            raise Invalid("A prompt without speech needs a beep: set beep to start.", field="beep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A generated prompt."""

    #: 16-bit samples, little-endian, one channel at RATE.
    pcm: bytes = field(repr=False)
    seconds: float
    #: The resulting root mean square of its speech, or of its beep if it has no speech.
    level_dbfs: float


def telephone_wav(pcm: bytes, encoding: Encoding) -> bytes:
    """Return a WAV file of 16-bit little-endian samples; its header has 44 bytes, and 58 in µ-law."""
    if encoding == "pcm":
        return _header(_PCM, len(pcm)) + pcm
    coded = ulaw(pcm)
    # A chunk of odd length is followed by a padding byte, which its size does not include.
    return _header(_ULAW, len(coded)) + coded + bytes(len(coded) % 2)


def ulaw(pcm: bytes) -> bytes:
    """Encode 16-bit little-endian samples, one byte per sample."""
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    table = _codes()
    return bytes([table[(sample >> _LOST_BITS) + _MAX_SAMPLE] for sample in samples])


@cache
def _codes() -> bytes:
    """Return the code of every 14-bit value, from the lowest up."""
    return bytes(_code(value) for value in range(-_MAX_SAMPLE, _MAX_SAMPLE))


def _code(value: int) -> int:
    """Return sign, segment and step, inverted as G.711 transmits them."""
    magnitude = min(abs(value) + _BIAS, _MAX_SAMPLE - 1)
    segment = magnitude.bit_length() - _BIAS.bit_length()
    step = magnitude >> segment + 1 & 0x0F
    return (segment << 4 | step) ^ (0x7F if value < 0 else 0xFF)


def _header(encoding: tuple[int, int], size: int) -> bytes:
    """Return the header for ``size`` bytes of samples."""
    tag, bits = encoding
    fmt = struct.pack("<HHIIHH", tag, 1, RATE, RATE * bits // 8, bits // 8, bits)
    fact = b""
    if tag != _PCM[0]:
        # Every format except PCM has an extension size, here 0, and a fact chunk with the number of samples.
        fmt += struct.pack("<H", 0)
        fact = struct.pack("<4sII", b"fact", 4, size)
    body = b"WAVE" + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + fact + struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI", b"RIFF", len(body) + size + size % 2) + body
