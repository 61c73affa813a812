"""JSON of a recording's row: the common part of manifests and tombstones. It contains no personal data."""

from dataclasses import replace
from typing import Any

from vault.domain.reason import Reason
from vault.domain.recordings.recording import Recording
from vault.domain.stored.dataclass_json import decode_fields, encode_fields, read_fields, read_some
from vault.domain.stored.json_reader import Fields
from vault.errors import Tampered

#: Needed only while a recording is processed.
_WORK = ("attempts", "quarantined_until", "origin", "not_before")
_MEDIA = ("container", "codec", "channels", "sample_rate", "duration", "damaged")
_SOURCE = ("source_ref", "source_policy", "source_attempts", "source_deleted_at")


def encode_recording_fields(recording: Recording) -> dict[str, Any]:
    """Return the row as a JSON object, without attempts and quarantine, which are only needed during processing."""
    values = encode_fields(recording, without=_WORK)
    media, source = ({name: values.pop(name) for name in names} for names in (_MEDIA, _SOURCE))
    return values | {"media": media, "source": source}


def decode_recording_fields(fields: Fields) -> Recording:
    """Decode a recording's fields from an object that may have more fields. Raises Tampered."""
    media, source = fields.inner("media"), fields.inner("source")
    recording = read_fields(
        Recording,
        fields,
        id=_id(fields.text("id"), "rec"),
        account_id=_id(fields.text("account_id"), "acct"),
        reasons=tuple(_reason(item) for item in fields.items("reasons")),
        attempts=0,
        quarantined_until=None,
        origin=None,
        not_before=None,
        **read_some(Recording, media, _MEDIA),
        **read_some(Recording, source, _SOURCE),
    )
    for inner in (media, source):
        inner.done()
    return recording


def _reason(fields: Fields) -> Reason:
    reason = decode_fields(Reason, fields)
    if reason.code == "refused_by_admin":
        # Older releases stored the admin's own words here.
        reason = replace(reason, text="An admin refused it.")
    return reason


def _id(text: str, prefix: str) -> str:
    """Validate an id, which becomes a part of object store keys."""
    actual, _, digits = text.partition("_")
    if actual != prefix or not digits or not all(digit in "0123456789abcdef" for digit in digits):
        raise Tampered(f"An id must be {prefix}_ and hexadecimal digits.")
    return text
