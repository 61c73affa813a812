"""JSON of the records in sealed and JSON columns. Each has a version.

The fields keep the order in which they have always been written: the bytes of a record never change.
"""

from collections.abc import Mapping
from typing import Any, get_args

from vault.domain.calls.call import Announcement, CallFacts, Direction, Kind, Voice
from vault.domain.stored.deflated import inflate
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.rfc3339 import write_rfc3339_unchanged

_MOMENTS = ("started_at", "answered_at", "ended_at")


def encode_facts(facts: CallFacts) -> bytes:
    """Encode call facts. ``deflate`` it to seal it."""
    return write_object(encode_facts_fields(facts), sort_keys=False)


def decode_facts(data: bytes) -> CallFacts:
    """Decode call facts, deflated or not. Raises Tampered."""
    return decode_facts_fields(read_object(inflate(data), "A record of call facts"))


def encode_facts_fields(facts: CallFacts) -> dict[str, Any]:
    """Return call facts as a JSON object without unknown fields."""
    values = {name: getattr(facts, name) for name in CallFacts.__slots__}
    for name in _MOMENTS:
        values[name] = write_rfc3339_unchanged(values[name]) if values[name] else None
    return {name: value for name, value in values.items() if value is not None}


def decode_facts_fields(fields: Fields) -> CallFacts:
    """Decode the result of ``encode_facts_fields``. Raises Tampered."""
    facts = CallFacts(
        call_ref=fields.text("call_ref"),
        direction=fields.optional(lambda name: fields.one_of(name, get_args(Direction)), "direction"),
        caller=fields.optional(fields.text, "caller"),
        callee=fields.optional(fields.text, "callee"),
        started_at=fields.optional(fields.moment, "started_at"),
        answered_at=fields.optional(fields.moment, "answered_at"),
        ended_at=fields.optional(fields.moment, "ended_at"),
        agent=fields.optional(fields.text, "agent"),
        caller_place=fields.optional(fields.text, "caller_place"),
        callee_place=fields.optional(fields.text, "callee_place"),
        language=fields.optional(fields.text, "language"),
    )
    fields.done()
    return facts


def encode_announcement(announcement: Announcement, facts: CallFacts) -> bytes:
    """Encode an announcement with the call facts of its delivery."""
    values = {
        "recording_ref": announcement.recording_ref,
        "url": announcement.url,
        "source_ref": announcement.source_ref,
        "kind": announcement.kind,
        "voices": list(announcement.voices),
        "facts": encode_facts_fields(facts),
    }
    return write_object(values, sort_keys=False)


def decode_announcement(data: bytes) -> tuple[Announcement, CallFacts]:
    """Decode an announcement. Raises Tampered."""
    fields = read_object(data, "A sealed announcement")
    announcement = Announcement(
        recording_ref=fields.text("recording_ref"),
        url=fields.maybe_text("url"),
        source_ref=fields.maybe_text("source_ref"),
        kind=fields.one_of("kind", get_args(Kind)),
        voices=fields.texts_of("voices", get_args(Voice)),
    )
    facts = decode_facts_fields(fields.inner("facts"))
    fields.done()
    return announcement, facts


def encode_credentials(credentials: list[Mapping[str, str]]) -> bytes:
    """Encode a connection's credentials: current first, then previous."""
    return write_object({"credentials": [dict(each) for each in credentials]}, sort_keys=False)


def decode_credentials(data: bytes) -> list[dict[str, str]]:
    """Decode credentials. Raises Tampered."""
    fields = read_object(data, "A connection's credentials")
    credentials = [
        {name: entry.text(name) for name in entry.names()} for entry in fields.items("credentials")
    ]
    fields.done()
    return credentials
