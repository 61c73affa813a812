"""The protocol between the describer and its child, over a socket pair.

Every frame is ``version (1 byte) | kind (1 byte) | length (4 bytes) | payload``, numbers big-endian.

    child   READY        empty; once, after all imports and ``close_doors``
    parent  JOB          size (8), CPU seconds (4), maximum duration in seconds (8, IEEE 754),
                         wanted result (1): 0 a description, 1 speech for a prompt, 2 a description with a
                         rendition, also where browsers play the original, 3 the layout of its samples, 4 the
                         measures of spans; whether a description has keyed digits (1)
    parent  SPANS        only after a JOB of kind 4: for each span its first frame (8), the frame after the last (8)
                         and its channels as bits (1), see ``spans_payload``
    child   READ         block number (4); the parent's next frame is the DATA
    parent  DATA         that block: BLOCK bytes, fewer only at the end of the source
    child   RENDITION    sample rate (4), channels (1), samples per channel (8); at most once per job
    child   DECODED      empty; at most once per job, at the first decoded samples: the file contains audio
    child   SAMPLES      at most BLOCK bytes of PCM16 little-endian, interleaved; the parent writes the
                         WAV header, so a rendition is a valid WAV file whatever the child sends
    child   DESCRIPTION  JSON, see ``description.py``; ends the job
    child   SPEECH       empty: the preceding samples, one channel at ``domain/notices/audio.RATE``,
                         are complete; ends the job
    child   LAYOUT       first byte (8), byte after the last (8), bytes of a sample (1), channels (1), sample rate (4)
                         of samples of a fixed size; ends the job
    child   MEASURES     samples in all spans (8), their largest absolute value (4), SHA-256 of all others (32);
                         ends the job
    child   UNDECODABLE  a sentence of ``reasons.py``; ends the job

The child has decoded untrusted bytes and may be compromised. Every frame from it is validated here against
lists and ranges; an invalid one raises DescriberCrashed, and the child is killed.

The orders to the fork server of the describer, and its answers, are structs of fixed size.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NoReturn

from vault.audio import codecs, riff
from vault.audio.reasons import Reason
from vault.domain.recordings.redaction import FrameSpan, SampleLayout, SpanMeasures
from vault.errors import DescriberCrashed

VERSION = 1
HEAD = struct.Struct("!BBI")
JOB = struct.Struct("!QIdB?")
READ = struct.Struct("!I")
RENDITION = struct.Struct("!IBQ")
SPAN = struct.Struct("!QQB")
LAYOUT = struct.Struct("!QQBBI")
MEASURES = struct.Struct("!QI32s")
#: Bytes of the longest sample: a float of 64 bits.
_WIDEST: Final = 8
_FULL_SCALE: Final = 32768
#: Bytes of a block of the source, and maximum bytes of one SAMPLES frame.
BLOCK = 256 << 10
#: Kind, and the process that the order is about. The child's end of its socket comes with FORK.
ORDER: Final = struct.Struct("<BI")
#: Kind, process, and its exit status, or the error number of a fork.
ANSWER: Final = struct.Struct("<BIi")


class JobKind(IntEnum):
    """The result that a job wants, see above."""

    DESCRIPTION = 0
    SPEECH = 1
    RENDITION = 2
    LAYOUT = 3
    MEASURES = 4


class Kind(IntEnum):
    """The kinds of frames, see above."""

    READY = 1
    JOB = 2
    READ = 3
    DATA = 4
    RENDITION = 5
    SAMPLES = 6
    DESCRIPTION = 7
    UNDECODABLE = 8
    SPEECH = 9
    DECODED = 10
    SPANS = 11
    LAYOUT = 12
    MEASURES = 13


#: Maximum payload bytes of each kind of frame that a child may send.
MAX_PAYLOAD_BYTES = {
    Kind.READY: 0,
    Kind.READ: READ.size,
    Kind.RENDITION: RENDITION.size,
    Kind.SAMPLES: BLOCK,
    Kind.DESCRIPTION: 32 << 10,
    Kind.UNDECODABLE: 200,
    Kind.SPEECH: 0,
    Kind.DECODED: 0,
    Kind.LAYOUT: LAYOUT.size,
    Kind.MEASURES: MEASURES.size,
}


def frame(kind: Kind, payload: bytes) -> bytes:
    """Encode a frame."""
    return HEAD.pack(VERSION, kind, len(payload)) + payload


def child_head(head: bytes) -> tuple[Kind, int]:
    """Parse the kind and the payload length of a child's frame. Raises DescriberCrashed."""
    version, kind, length = HEAD.unpack(head)
    if version != VERSION or kind not in MAX_PAYLOAD_BYTES or length > MAX_PAYLOAD_BYTES[Kind(kind)]:
        raise DescriberCrashed("The describer sent an invalid frame.")
    return Kind(kind), length


def read_reason(payload: bytes) -> Reason:
    """Parse the child's reason. Raises DescriberCrashed for any other sentence."""
    try:
        return Reason(payload.decode("ascii"))
    except ValueError as error:
        raise DescriberCrashed("The describer sent an unknown reason.") from error


def read_rendition(payload: bytes, *, max_duration: float) -> tuple[int, int, int]:
    """Parse the sample rate, channels and samples of a rendition. Raises DescriberCrashed."""
    if len(payload) != RENDITION.size:
        refuse()
    sample_rate, channels, samples = RENDITION.unpack(payload)
    # ``plan_rendition`` halves the rate if the samples would not fit into a WAV file.
    sound = channels in (1, 2) and codecs.SAMPLE_RATES.start // 2 <= sample_rate < codecs.SAMPLE_RATES.stop
    # Rounding may add half a sample.
    if not sound or not 0 < samples <= max_duration * sample_rate + 1:
        refuse()
    if samples * channels * 2 > riff.MAX_DATA:
        refuse()
    return sample_rate, channels, samples


def spans_payload(spans: Sequence[FrameSpan]) -> bytes:
    """Encode spans."""
    return b"".join(
        SPAN.pack(span.begin, span.end, sum(1 << channel for channel in span.channels)) for span in spans
    )


def read_spans(payload: bytes) -> list[FrameSpan]:
    """Parse the parent's spans."""
    return [
        FrameSpan(begin=begin, end=end, channels=tuple(channel for channel in (0, 1) if bits >> channel & 1))
        for begin, end, bits in SPAN.iter_unpack(payload)
    ]


def read_layout(payload: bytes, *, size: int) -> SampleLayout:
    """Parse the layout of the samples of a source of ``size`` bytes. Raises DescriberCrashed."""
    if len(payload) != LAYOUT.size:
        refuse()
    first, end, width, channels, sample_rate = LAYOUT.unpack(payload)
    if not first <= end <= size or not 1 <= width <= _WIDEST or channels not in (1, 2):
        refuse()
    if sample_rate not in codecs.SAMPLE_RATES or (end - first) % (width * channels):
        refuse()
    return SampleLayout(first=first, end=end, width=width, channels=channels, sample_rate=sample_rate)


def read_measures(payload: bytes) -> SpanMeasures:
    """Parse the measures of spans. Raises DescriberCrashed."""
    if len(payload) != MEASURES.size:
        refuse()
    samples, loudest, rest = MEASURES.unpack(payload)
    if loudest > _FULL_SCALE:
        refuse()
    return SpanMeasures(samples=samples, loudest=loudest, rest=rest)


def refuse() -> NoReturn:
    """Raise DescriberCrashed: a value from the child is out of range."""
    raise DescriberCrashed("The describer sent a value that is out of range.")


class Order(IntEnum):
    """To the fork server."""

    FORK = 1
    KILL = 2


class Answer(IntEnum):
    """From the fork server."""

    READY = 1
    #: Answers FORK, in the order of these.
    FORKED = 2
    FAILED = 3
    ENDED = 4
