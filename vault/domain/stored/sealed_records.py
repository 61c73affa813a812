"""JSON of the records in sealed and JSON columns. Each has a version.

The fields keep the order in which they have always been written: the bytes of a record never change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from vault.domain.calls.call import Announcement, CallFacts, Direction, Kind, Voice
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered
from vault.rfc3339 import write_rfc3339_unchanged

_MOMENTS = ("started_at", "answered_at", "ended_at")


def encode_facts(facts: CallFacts) -> bytes:
    """Encode call facts."""
    return write_object(encode_facts_fields(facts), sort_keys=False)


def decode_facts(data: bytes) -> CallFacts:
    """Decode call facts. Raises Tampered."""
    return decode_facts_fields(read_object(data, "A record of call facts"))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """The sealed details of a recording."""

    #: SHA-256 of the plaintext audio, for audits.
    sha256: bytes
    #: The call facts from the recording's own source.
    facts: CallFacts
    #: The canonical bytes of the evidence.
    evidence: bytes


def encode_details(details: Details) -> bytes:
    """Encode details."""
    values = {
        "sha256": details.sha256.hex(),
        "facts": encode_facts_fields(details.facts),
        "evidence": details.evidence,
    }
    return write_object(values, sort_keys=False)


def decode_details(data: bytes) -> Details:
    """Decode details. Raises Tampered."""
    fields = read_object(data, "A recording's sealed details")
    try:
        sha256 = bytes.fromhex(fields.text("sha256"))
    except ValueError:
        raise Tampered("A recording's sealed details have a sha256 that is not hexadecimal.") from None
    details = Details(
        sha256=sha256, facts=decode_facts_fields(fields.inner("facts")), evidence=fields.blob("evidence")
    )
    fields.done()
    return details


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
