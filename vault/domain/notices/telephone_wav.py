"""WAV files for telephony platforms: 8000 Hz, one channel, PCM16 or µ-law.

µ-law is that of ITU-T G.711 (table 2a): eight segments, each twice as wide as the one before it, with sixteen
steps each. Python 3.13 no longer has audioop, so the table is computed here.
"""

import struct
import sys
from array import array
from functools import cache

from vault.domain.notices.audio import RATE, Encoding

#: WAV format tag and bits per sample.
_PCM, _ULAW = (1, 16), (7, 8)
#: G.711 has 14 bits; 16-bit samples lose their last two.
_LOST_BITS = 2
_MAX_SAMPLE = 1 << 13
#: Added to a value before its segment is determined.
_BIAS = 33


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
