"""Parse the claims of a WAV header.

A recorder that crashed leaves sizes of zero, one that streams writes 0xFFFFFFFF; both files contain audio, but
Firefox plays neither reliably. FFmpeg does not report these cases, so the chunks are parsed here.
Layout: Multimedia Programming Interface and Data Specifications 1.0, and EBU Tech 3306 for RF64.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from vault.domain.recordings.media import HEADER_BYTES

#: Maximum bytes of samples in a WAV file: both sizes in its header have 32 bits.
MAX_DATA = (1 << 32) - 1 - HEADER_BYTES
#: Sizes from this value on mean "unknown": 0xFFFFFFFF, or that minus a header size.
UNKNOWN_SIZE = 0xFFFFFF00
#: Format tags of codecs with a fixed number of bytes per sample: PCM, float, A-law, µ-law.
EXACT_TAGS = {1, 3, 6, 7}
#: WAVE_FORMAT_EXTENSIBLE: the real tag is the start of a GUID at offset 24.
EXTENSIBLE = 0xFFFE
#: Maximum chunks before the samples.
MAX_CHUNKS = 64
#: Bytes before the first chunk, and of the head of each chunk.
RIFF_BYTES = 12
CHUNK_HEAD = 8
#: Bytes of the shortest fmt chunk, and of an extensible one; further bytes are ignored.
PCM_FMT_BYTES = 16
FMT_BYTES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class WavClaims:
    """The values in the header of a WAV file, unchecked."""

    #: Samples per second.
    sample_rate: int
    #: Bytes per second.
    byte_rate: int
    #: Bytes of one sample of all channels, or of one compressed block.
    block_align: int
    #: The codec, as a wFormatTag.
    tag: int
    #: The number of samples in the fact chunk, which compressed WAV files have.
    fact: int | None
    #: Bytes of samples; None if the header does not contain it.
    data_size: int | None
    #: Whether it is an RF64 file, which browsers do not play.
    rf64: bool
    channels: int
    #: The first byte of the samples.
    first: int

    @property
    def repairable(self) -> bool:
        """Tell whether this header misleads players although the audio is complete."""
        return self.data_size is None or self.rf64

    @property
    def duration(self) -> float | None:
        """Return the duration in the header in seconds, or None if it has none."""
        if self.data_size is None or not self.sample_rate:
            return None
        if self.tag in EXACT_TAGS:
            frame = self.block_align
            return self.data_size / frame / self.sample_rate if frame else None
        if self.fact:
            return self.fact / self.sample_rate
        return self.data_size / self.byte_rate if self.byte_rate else None


def read_claims(file: BinaryIO) -> WavClaims | None:
    """Parse a WAV header; None if the file is not a WAV file or ends before the samples."""
    file.seek(0)
    magic = file.read(RIFF_BYTES)
    if magic[:4] not in (b"RIFF", b"RF64") or magic[8:] != b"WAVE":
        return None
    fmt, fact, long_size = b"", None, None
    position = RIFF_BYTES
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        head = file.read(CHUNK_HEAD)
        if len(head) < CHUNK_HEAD:
            return None
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            data_size = long_size if size >= UNKNOWN_SIZE else size
            return _claims(fmt, fact, data_size, rf64=magic[:4] == b"RF64", first=position + CHUNK_HEAD)
        if name == b"fmt ":
            fmt = file.read(min(size, FMT_BYTES))
        elif name == b"fact":
            fact = int.from_bytes(file.read(4), "little")
        elif name == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
        position += CHUNK_HEAD + size + size % 2
    return None


def _claims(
    fmt: bytes, fact: int | None, data_size: int | None, *, rf64: bool, first: int
) -> WavClaims | None:
    """Combine the values of the chunks; a data size of zero means unknown."""
    if len(fmt) < PCM_FMT_BYTES:
        return None
    tag, channels, sample_rate, byte_rate, block_align = struct.unpack_from("<HHIIH", fmt)
    if tag == EXTENSIBLE and len(fmt) == FMT_BYTES:
        tag = int.from_bytes(fmt[24:26], "little")
    return WavClaims(
        sample_rate=sample_rate,
        byte_rate=byte_rate,
        block_align=block_align,
        tag=tag,
        fact=fact,
        data_size=data_size or None,
        rf64=rf64,
        channels=channels,
        first=first,
    )
