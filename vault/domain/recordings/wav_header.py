"""The header of a PCM16 WAV file, as the vault writes it.

Layout: Multimedia Programming Interface and Data Specifications 1.0.
"""

import struct
from typing import Final

HEADER_BYTES: Final = 44
#: Bytes of one PCM16 sample of one channel.
SAMPLE_BYTES: Final = 2


def wav_header(*, sample_rate: int, channels: int, samples: int) -> bytes:
    """Return the header of a file with ``samples`` PCM16 samples per channel."""
    frame = SAMPLE_BYTES * channels
    size = samples * frame
    fmt = struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * frame, frame, 8 * SAMPLE_BYTES)
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE")
    return riff + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + struct.pack("<4sI", b"data", size)
