"""A short part of the audio and not a byte of the rest, to hear what is around a range that must not be heard.

An audio element reads ahead, so who plays up to a range is sent some of it. Only samples of a fixed size can be cut
exactly, so that is what it takes: PCM and G.711 in a WAV file, or the rendition for browsers.
"""

import math
import struct
from dataclasses import dataclass
from typing import Final

from vault.domain.recordings.recording import Recording
from vault.domain.recordings.redaction import SampleLayout, format_tag
from vault.errors import DescriberCrashed, Invalid, Refused, Undecodable
from vault.ports.audio import SpanDecoder
from vault.services.playback.playable_audio import PlayableAudio

#: Seconds of one part.
LONGEST: Final = 15.0
#: As the vault writes a rendition.
_RENDITION_CODEC: Final = "pcm_s16le"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPart:
    """Where a part lies in the audio, and what makes a WAV file of it."""

    header: bytes
    #: The first byte of its samples in the audio, and the one after the last.
    start: int
    end: int


def require_part(begin: float, end: float) -> None:
    """Raise Invalid unless [begin, end), in seconds, is a part that can be asked for."""
    if not 0 <= begin < end <= begin + LONGEST:
        raise Invalid(f"A part ends after it begins, {LONGEST:g} seconds later at most.", field="to")


async def find_part(
    decoder: SpanDecoder, audio: PlayableAudio, recording: Recording, *, begin: float, end: float
) -> AudioPart:
    """Return the part [begin, end), in seconds, of the audio that a session plays.

    A sample that ``begin`` or ``end`` cuts is left out; the end of the recording ends the part. The confined decoder
    reads the header for it, and nothing is granted.

    Raises Invalid for a part without a sample, Refused (``format``), Unavailable, Tampered.
    """
    try:
        layout = await decoder.layout(audio.source, account_id=recording.account_id)
    except (Undecodable, DescriberCrashed) as error:
        text = "No part can be cut out of this format: it has no samples of a fixed size."
        raise Refused(text, reasons=("format",)) from error
    first = min(math.ceil(begin * layout.sample_rate), layout.frames)
    last = min(math.floor(end * layout.sample_rate), layout.frames)
    if first >= last:
        raise Invalid("The recording has no sample there.", field="from")
    # A session plays the rendition wherever there is one.
    codec = recording.codec if recording.rendition is None else _RENDITION_CODEC
    size = (last - first) * layout.frame
    start = layout.first + first * layout.frame
    return AudioPart(header=_header(layout, codec or "", size), start=start, end=start + size)


def _header(layout: SampleLayout, codec: str, size: int) -> bytes:
    """Return the header of a WAV file of ``size`` bytes of samples."""
    fmt = struct.pack(
        "<HHIIHH",
        format_tag(codec),
        layout.channels,
        layout.sample_rate,
        layout.sample_rate * layout.frame,
        layout.frame,
        8 * layout.width,
    )
    chunks = struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI4s", b"RIFF", 4 + len(chunks) + size, b"WAVE") + chunks
