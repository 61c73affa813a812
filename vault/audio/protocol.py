"""What the describer and its child say to each other, over one end of a socket pair each.

Every frame is ``version (1 byte) | kind (1 byte) | length (4 bytes) | payload``, numbers big-endian.

    child   READY        nothing; once, when everything is imported and every door is closed
    parent  JOB          size (8), processor seconds (4), longest duration in seconds (8, IEEE 754),
                         what is wanted (1): 0 a description, 1 speech for a prompt
    child   READ         block number (4); the parent answers with DATA before anything else
    parent  DATA         that block: BLOCK bytes, fewer only at the end of the source
    child   RENDITION    sample rate (4), channels (1), samples per channel (8); at most once a job
    child   DECODED      nothing; at most once a job, with the first decoded samples: the file holds audio
    child   SAMPLES      at most BLOCK bytes of PCM16 little-endian, interleaved; the WAV header is the
                         parent's own work, so a rendition is a sound WAV file whatever the child sends
    child   DESCRIPTION  JSON, see ``description_payload``; ends the job
    child   SPEECH       nothing: the samples before it, one channel at ``domain/prompt.RATE``, are all
                         of them; ends the job
    child   UNDECODABLE  a sentence of ``reasons.py``; ends the job

The child has decoded hostile bytes and counts as hostile. Everything it says is checked here against
lists and ranges; what does not fit is a DescriberCrashed, and the child is killed.
"""

import base64
import binascii
import json
import math
import struct
from enum import IntEnum
from typing import NoReturn

from vault.audio import codecs, riff
from vault.audio.reasons import Reason
from vault.domain.recordings.media import BUCKETS, Description
from vault.errors import DescriberCrashed

VERSION = 1
HEAD = struct.Struct("!BBI")
JOB = struct.Struct("!QIdB")
READ = struct.Struct("!I")
RENDITION = struct.Struct("!IBQ")
#: Bytes of a block of the source, and most bytes of one SAMPLES frame.
BLOCK = 256 << 10


class Wanted(IntEnum):
    """What a job is about, see above."""

    DESCRIPTION = 0
    SPEECH = 1


class Kind(IntEnum):
    """The frames, see above."""

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


#: Most payload bytes of what a child may send.
MAX_PAYLOAD_BYTES = {
    Kind.READY: 0,
    Kind.READ: READ.size,
    Kind.RENDITION: RENDITION.size,
    Kind.SAMPLES: BLOCK,
    Kind.DESCRIPTION: 16 << 10,
    Kind.UNDECODABLE: 200,
    Kind.SPEECH: 0,
    Kind.DECODED: 0,
}


def frame(kind: Kind, payload: bytes) -> bytes:
    """Return the frame of a payload."""
    return HEAD.pack(VERSION, kind, len(payload)) + payload


def child_head(head: bytes) -> tuple[Kind, int]:
    """Return kind and payload length of a frame from a child. Raises DescriberCrashed."""
    version, kind, length = HEAD.unpack(head)
    if version != VERSION or kind not in MAX_PAYLOAD_BYTES or length > MAX_PAYLOAD_BYTES[Kind(kind)]:
        raise DescriberCrashed("The describer sent a frame that is not one of the protocol.")
    return Kind(kind), length


def description_payload(description: Description) -> bytes:
    """Return the JSON of a description: its fields by name, the peaks in base64."""
    fields = {name: getattr(description, name) for name in Description.__slots__}
    fields["peaks"] = [base64.b64encode(channel).decode() for channel in description.peaks]
    return json.dumps(fields).encode()


def read_description(payload: bytes, *, max_duration: float) -> Description:
    """Check every field of a child's description. Raises DescriberCrashed."""
    try:
        fields = json.loads(payload)
        if not isinstance(fields, dict) or set(fields) != set(Description.__slots__):
            _refuse()
        fields["peaks"] = tuple(base64.b64decode(channel, validate=True) for channel in fields["peaks"])
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise DescriberCrashed("The describer sent a description that cannot be read.") from error
    description = Description(**fields)
    _check_nature(description)
    _check_numbers(description, max_duration)
    _check_peaks(description)
    return description


def _check_nature(description: Description) -> None:
    """Refuse a container, codec, shape or flag that is not one of the vault's."""
    for name, known in ((description.container, codecs.CONTAINERS), (description.codec, codecs.CODECS)):
        if type(name) is not str or name not in known:
            _refuse()
    if type(description.channels) is not int or description.channels not in (1, 2):
        _refuse()
    if type(description.sample_rate) is not int or description.sample_rate not in codecs.SAMPLE_RATES:
        _refuse()
    if type(description.rendition) is not bool:
        _refuse()


def _check_numbers(description: Description, max_duration: float) -> None:
    """Refuse durations that are not finite or out of range, and counts below zero."""
    if not _number(description.duration) or not 0 < description.duration <= max_duration:
        _refuse()
    claimed = description.claimed_duration
    if claimed is not None and (not _number(claimed) or claimed < 0):
        _refuse()
    if type(description.errors) is not int or not 0 <= description.errors < 1 << 31:
        _refuse()


def _number(value: object) -> bool:
    """Say whether a value is a finite float; integers of any length come as other types."""
    return type(value) is float and math.isfinite(value)


def _check_peaks(description: Description) -> None:
    """Refuse peaks of another shape, and points whose lowest value is above the highest."""
    if len(description.peaks) != description.channels:
        _refuse()
    for channel in description.peaks:
        if len(channel) != 2 * BUCKETS:
            _refuse()
        signed = memoryview(channel).cast("b")
        if any(low > high for low, high in zip(signed[::2], signed[1::2], strict=True)):
            _refuse()


def read_reason(payload: bytes) -> Reason:
    """Return the reason that a child names. Raises DescriberCrashed for any other sentence."""
    try:
        return Reason(payload.decode("ascii"))
    except ValueError as error:
        raise DescriberCrashed("The describer gave a reason that is not one of the vault's.") from error


def read_rendition(payload: bytes, *, max_duration: float) -> tuple[int, int, int]:
    """Return sample rate, channels and samples of a rendition to come. Raises DescriberCrashed."""
    if len(payload) != RENDITION.size:
        _refuse()
    sample_rate, channels, samples = RENDITION.unpack(payload)
    # A rate is halved where 12 hours of it do not fit into a WAV file.
    sound = channels in (1, 2) and codecs.SAMPLE_RATES.start // 2 <= sample_rate < codecs.SAMPLE_RATES.stop
    # Half a sample is what rounding adds.
    if not sound or not 0 < samples <= max_duration * sample_rate + 1:
        _refuse()
    if samples * channels * 2 > riff.MAX_DATA:
        _refuse()
    return sample_rate, channels, samples


def _refuse() -> NoReturn:
    """Raise DescriberCrashed: something the child said lies outside what can be."""
    raise DescriberCrashed("The describer said something that cannot be.")
