"""JSON of a consent event, for its sealed row and for the evidence of its recordings."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from vault.domain.consent.consent_event import ConsentEvent, NoticeVersion
from vault.errors import Tampered
from vault.rfc3339 import parse_rfc3339, write_rfc3339

_VERSION = 1


def encode_event(event: ConsentEvent) -> bytes:
    """Encode an event."""
    return json.dumps({"v": _VERSION, **event_json(event)}, separators=(",", ":")).encode()


def decode_event(text: bytes) -> ConsentEvent:
    """Decode an event. Raises Tampered."""
    values: dict[str, Any] = json.loads(text)
    if values.pop("v", None) != _VERSION:
        raise Tampered("A consent event has a version that this release does not know.")
    for name in ("at", "heard_at"):
        values[name] = parse_rfc3339(values[name])
    for name in ("offset", "length"):
        seconds = values.pop(name, None)
        values[name] = None if seconds is None else timedelta(seconds=seconds)
    notice = values.pop("notice", None)
    return ConsentEvent(**values, notice=None if notice is None else NoticeVersion(**notice))


def event_json(event: ConsentEvent) -> dict[str, Any]:
    """Return an event as JSON: times in RFC 3339, offset and length in seconds, without unknown fields."""
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
    }
    return {name: value for name, value in values.items() if value is not None}
