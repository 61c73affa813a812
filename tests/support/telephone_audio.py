"""Telephone audio as it is made here: a WAV file of 8 kHz, two channels of PCM16, of any length."""

import random
import struct
from collections.abc import Iterator

_RATE, _CHANNELS, _WIDTH = 8000, 2, 2
_BLOCK = 1 << 20


def wav_header(sound: int) -> bytes:
    """Return the 44 bytes in front of ``sound`` bytes of samples: RIFF, ``fmt`` and ``data``."""
    rate = _RATE * _CHANNELS * _WIDTH
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, _CHANNELS, _RATE, rate, _CHANNELS * _WIDTH, 8 * _WIDTH)
    return b"RIFF" + struct.pack("<I", 36 + sound) + b"WAVE" + form + b"data" + struct.pack("<I", sound)


def wav(size: int, seed: int) -> bytes:
    """Return a file of ``size`` bytes of noise (44 and a multiple of 4), the same for the same seed."""
    sound = size - 44
    return wav_header(sound) + random.Random(seed).randbytes(sound)  # noqa: S311 - noise, and the same again


def repeated(size: int, marker: bytes) -> Iterator[bytes]:
    """Yield a file of ``size`` bytes in blocks of a mebibyte, whose sound is the marker over and over."""
    left = size - 44
    yield wav_header(left)
    block = marker * (_BLOCK // len(marker))
    while left:
        yield block[: min(left, len(block))]
        left -= min(left, len(block))
