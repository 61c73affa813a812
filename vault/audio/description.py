"""The description of a recording as the describer's child sends it, and the checks of every field of it."""

import base64
import binascii
import json
import math
import operator

from vault.audio import codecs
from vault.audio.protocol import refuse
from vault.domain.recordings.card_data import KINDS, MAX_FOUND, FoundDigits
from vault.domain.recordings.media import BUCKETS, Description, loudness_points
from vault.domain.recordings.silence import MAX_SILENCES, Silence
from vault.errors import DescriberCrashed

#: Fields of a description that are one text in base64 for each channel.
_BASE64 = ("peaks", "loudness")


def description_payload(description: Description) -> bytes:
    """Encode a description as JSON: its fields by name, peaks and loudness in base64, found digits as lists."""
    fields = {name: getattr(description, name) for name in Description.__slots__}
    for name in _BASE64:
        fields[name] = [base64.b64encode(channel).decode() for channel in fields[name]]
    fields["keyed_digits"] = [[one.kind, one.begin_ms, one.end_ms] for one in description.keyed_digits]
    fields["silences"] = [[one.begin_ms, one.end_ms] for one in description.silences]
    return json.dumps(fields).encode()


def read_description(payload: bytes, *, max_duration: float) -> Description:
    """Parse a child's description and check every field. Raises DescriberCrashed."""
    try:
        fields = json.loads(payload)
        if not isinstance(fields, dict) or set(fields) != set(Description.__slots__):
            refuse()
        for name in _BASE64:
            fields[name] = tuple(base64.b64decode(channel, validate=True) for channel in fields[name])
        fields["echo"] = None if fields["echo"] is None else tuple(fields["echo"])
        fields["keyed_digits"] = tuple(
            FoundDigits(kind=kind, begin_ms=begin, end_ms=end) for kind, begin, end in fields["keyed_digits"]
        )
        fields["silences"] = tuple(Silence(begin_ms=begin, end_ms=end) for begin, end in fields["silences"])
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise DescriberCrashed("The describer sent a description that cannot be parsed.") from error
    description = Description(**fields)
    _check_nature(description)
    _check_numbers(description, max_duration)
    _check_peaks(description)
    _check_loudness(description)
    _check_echo(description)
    _check_digits(description)
    _check_silences(description)
    return description


def _check_nature(description: Description) -> None:
    """Refuse a container, codec, channel count, sample rate or flag that the vault does not accept."""
    for name, known in ((description.container, codecs.CONTAINERS), (description.codec, codecs.CODECS)):
        if type(name) is not str or name not in known:
            refuse()
    if type(description.channels) is not int or description.channels not in (1, 2):
        refuse()
    if type(description.sample_rate) is not int or description.sample_rate not in codecs.SAMPLE_RATES:
        refuse()
    if type(description.rendition) is not bool:
        refuse()


def _check_numbers(description: Description, max_duration: float) -> None:
    """Refuse durations that are not finite or out of range, and negative counts."""
    if not _number(description.duration) or not 0 < description.duration <= max_duration:
        refuse()
    claimed = description.claimed_duration
    if claimed is not None and (not _number(claimed) or claimed < 0):
        refuse()
    if type(description.errors) is not int or not 0 <= description.errors < 1 << 31:
        refuse()


def _number(value: object) -> bool:
    """Tell whether a value is a finite float; integers, which JSON allows at any length, are refused."""
    return type(value) is float and math.isfinite(value)


def _check_peaks(description: Description) -> None:
    """Refuse peaks of another shape, and pairs whose minimum is above the maximum."""
    if len(description.peaks) != description.channels:
        refuse()
    for channel in description.peaks:
        if len(channel) != 2 * BUCKETS:
            refuse()
        signed = memoryview(channel).cast("b").tolist()
        if any(map(operator.gt, signed[::2], signed[1::2])):
            refuse()


def _check_loudness(description: Description) -> None:
    """Refuse loudness of another shape."""
    points = loudness_points(description.duration)
    if [len(channel) for channel in description.loudness] != [points] * description.channels:
        refuse()


def _check_echo(description: Description) -> None:
    """Refuse anything but one flag for each of two channels."""
    if description.echo is None:
        return
    flags = [type(flag) for flag in description.echo]
    if description.channels == 1 or flags != [bool] * description.channels:
        refuse()


def _check_silences(description: Description) -> None:
    """Refuse silences that are not in order within the recording, and more than MAX_SILENCES."""
    if len(description.silences) > MAX_SILENCES:
        refuse()
    last, longest = 0, math.ceil(description.duration * 1000)
    for one in description.silences:
        if type(one.begin_ms) is not int or type(one.end_ms) is not int:
            refuse()
        if not last <= one.begin_ms < one.end_ms <= longest:
            refuse()
        last = one.end_ms


def _check_digits(description: Description) -> None:
    """Refuse sequences that are not in order within the recording, more than MAX_FOUND, and unknown kinds."""
    if len(description.keyed_digits) > MAX_FOUND:
        refuse()
    last, longest = -1, math.ceil(description.duration * 1000)
    for one in description.keyed_digits:
        if one.kind not in KINDS or any(type(at) is not int for at in (one.begin_ms, one.end_ms)):
            refuse()
        if not last < one.begin_ms < one.end_ms <= longest:
            refuse()
        last = one.end_ms
