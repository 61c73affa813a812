"""JSON of a consent event, for its sealed row and for the evidence of its recordings."""

from datetime import timedelta
from typing import Any

from vault.domain.consent.consent_event import ConsentEvent, NoticeVersion
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object
from vault.rfc3339 import write_rfc3339


def encode_event(event: ConsentEvent) -> bytes:
    """Encode an event."""
    return write_object(encode_event_fields(event), sort_keys=False)


def decode_event(data: bytes) -> ConsentEvent:
    """Decode an event. Raises Tampered."""
    fields = read_object(data, "A consent event")
    notice = fields.optional(fields.inner, "notice")
    return decode_fields(
        ConsentEvent,
        fields,
        notice=None if notice is None else decode_fields(NoticeVersion, notice),
        offset=_seconds(fields.optional(fields.number, "offset")),
        length=_seconds(fields.optional(fields.number, "length")),
    )


def encode_event_fields(event: ConsentEvent) -> dict[str, Any]:
    """Return an event as a JSON object: offset and length in seconds, without unknown fields."""
    values = encode_fields(event) | {
        "at": write_rfc3339(event.at, "microseconds"),
        "heard_at": write_rfc3339(event.heard_at, "microseconds"),
        "offset": None if event.offset is None else event.offset.total_seconds(),
        "length": None if event.length is None else event.length.total_seconds(),
    }
    return {name: value for name, value in values.items() if value is not None}


def _seconds(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
