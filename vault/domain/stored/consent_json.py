"""JSON of a consent event, for its sealed row and for the evidence of its recordings."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any, get_args

from vault.domain.consent.consent_event import Answer, ConsentEvent, Method, NoticeVersion, Party
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.rfc3339 import write_rfc3339


def encode_event(event: ConsentEvent) -> bytes:
    """Encode an event."""
    return write_object(encode_event_fields(event), sort_keys=False)


def decode_event(data: bytes) -> ConsentEvent:
    """Decode an event. Raises Tampered."""
    fields = read_object(data, "A consent event")
    notice = fields.optional(fields.inner, "notice")
    event = ConsentEvent(
        id=fields.text("id"),
        party=fields.one_of("party", get_args(Party)),
        answer=fields.one_of("answer", get_args(Answer)),
        method=fields.one_of("method", get_args(Method)),
        at=fields.moment("at"),
        heard_at=fields.moment("heard_at"),
        notice=None if notice is None else _decode_notice_fields(notice),
        offset=_seconds(fields.optional(fields.maybe_number, "offset")),
        length=_seconds(fields.optional(fields.maybe_number, "length")),
        told_by=fields.text("told_by"),
        objects=bool(fields.optional(fields.flag, "objects")),
    )
    fields.done()
    return event


def encode_event_fields(event: ConsentEvent) -> dict[str, Any]:
    """Return an event as a JSON object: offset and length in seconds, without unknown fields."""
    values = {
        "id": event.id,
        "party": event.party,
        "answer": event.answer,
        "method": event.method,
        "at": write_rfc3339(event.at, "microseconds"),
        "heard_at": write_rfc3339(event.heard_at, "microseconds"),
        "notice": None if event.notice is None else asdict(event.notice),
        "offset": None if event.offset is None else event.offset.total_seconds(),
        "length": None if event.length is None else event.length.total_seconds(),
        "told_by": event.told_by,
        "objects": event.objects or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def _decode_notice_fields(fields: Fields) -> NoticeVersion:
    notice = NoticeVersion(
        id=fields.text("id"),
        version=fields.integer("version"),
        language=fields.text("language"),
        text_sha256=fields.text("text_sha256"),
        audio_sha256=fields.maybe_text("audio_sha256"),
    )
    fields.done()
    return notice


def _seconds(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
