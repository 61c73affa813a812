"""How a consent event is written down: as JSON in its sealed row, and in the evidence of its recordings."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.domain.consent.consent_event import ConsentEvent, NoticeVersion
from vault.errors import Tampered

_VERSION = 1


def encode_event(event: ConsentEvent) -> bytes:
    """Write an event."""
    return json.dumps({"v": _VERSION, **event_json(event)}, separators=(",", ":")).encode()


def decode_event(text: bytes) -> ConsentEvent:
    """Read an event back. Raises Tampered."""
    said: dict[str, Any] = json.loads(text)
    if said.pop("v", None) != _VERSION:
        raise Tampered("A consent event has a version that this release does not know.")
    for name in ("at", "heard_at"):
        said[name] = datetime.fromisoformat(said[name])
    for name in ("offset", "length"):
        seconds = said.pop(name, None)
        said[name] = None if seconds is None else timedelta(seconds=seconds)
    notice = said.pop("notice", None)
    return ConsentEvent(**said, notice=None if notice is None else NoticeVersion(**notice))


def event_json(event: ConsentEvent) -> dict[str, Any]:
    """Return an event as JSON: moments in RFC 3339, offset and length in seconds, what is unknown left out."""
    said = {
        "id": event.id,
        "party": event.party,
        "answer": event.answer,
        "method": event.method,
        "at": moment_json(event.at),
        "heard_at": moment_json(event.heard_at),
        "notice": None if event.notice is None else asdict(event.notice),
        "offset": None if event.offset is None else event.offset.total_seconds(),
        "length": None if event.length is None else event.length.total_seconds(),
        "told_by": event.told_by,
    }
    return {name: value for name, value in said.items() if value is not None}


def moment_json(moment: datetime) -> str:
    """Return a moment in RFC 3339, in UTC with microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
