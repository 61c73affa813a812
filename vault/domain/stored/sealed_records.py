"""JSON of the records in sealed and JSON columns. Each has a version.

The fields keep the order in which they have always been written: the bytes of a record never change.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.calls.metadata import Metadata
from vault.domain.consent.consent_event import ConsentEvent, NoticeVersion
from vault.domain.playback.note import NoteContent
from vault.domain.requests.request import PersonalData
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.deflated import inflate
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered
from vault.rfc3339 import write_rfc3339, write_rfc3339_unchanged

C = TypeVar("C")


def encode_facts(facts: CallFacts) -> bytes:
    """Encode call facts. ``deflate`` it to seal it."""
    return write_object(encode_facts_fields(facts), sort_keys=False)


def decode_facts(data: bytes) -> CallFacts:
    """Decode call facts, deflated or not. Raises Tampered."""
    return decode_facts_fields(read_object(inflate(data), "A record of call facts"))


def encode_facts_fields(facts: CallFacts) -> dict[str, Any]:
    """Return call facts as a JSON object without unknown fields: times as text, because evidence compares it."""
    values = encode_fields(facts, sparse=True)
    return {
        name: write_rfc3339_unchanged(one) if isinstance(one, datetime) else one
        for name, one in values.items()
    }


def decode_facts_fields(fields: Fields) -> CallFacts:
    """Decode the result of ``encode_facts_fields``. Raises Tampered."""
    return decode_fields(CallFacts, fields, sparse=True)


def encode_announcement(announcement: Announcement, facts: CallFacts) -> bytes:
    """Encode an announcement with the call facts of its delivery."""
    return write_object(encode_fields(announcement) | {"facts": encode_facts_fields(facts)}, sort_keys=False)


def decode_announcement(data: bytes) -> tuple[Announcement, CallFacts]:
    """Decode an announcement. Raises Tampered."""
    fields = read_object(data, "A sealed announcement")
    facts = decode_facts_fields(fields.inner("facts"))
    return decode_fields(Announcement, fields), facts


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


def encode_personal_data(personal: PersonalData) -> bytes:
    """Encode the personal data of a request."""
    return write_object(encode_fields(personal))


def decode_personal_data(data: bytes) -> PersonalData:
    """Decode the personal data of a request. Raises Tampered."""
    return decode_fields(PersonalData, read_object(data, "A request"))


def encode_note(content: NoteContent) -> bytes:
    """Encode a note: the moment in whole milliseconds, and the text."""
    values: dict[str, Any] = {"at_ms": round(content.at * 1000)}
    values |= {} if content.text is None else {"text": content.text}
    return write_object(values | {"for_crm": True} if content.for_crm else values)


def decode_note(data: bytes) -> NoteContent:
    """Decode a note. Raises Tampered."""
    fields = read_object(data, "A note")
    content = NoteContent(
        at=fields.integer("at_ms", least=0) / 1000,
        text=fields.optional(fields.text, "text"),
        for_crm=bool(fields.optional(fields.flag, "for_crm")),
    )
    fields.done()
    return content


def encode_metadata(metadata: Metadata, *, call_ref: str, recording_id: str) -> bytes:
    """Encode metadata with the call or the recording that they are of, so that no other can be given them."""
    return write_object({"call": call_ref, "recording": recording_id, "metadata": dict(metadata)})


def decode_metadata(data: bytes, *, call_ref: str, recording_id: str) -> dict[str, str]:
    """Decode metadata. Raises Tampered, also for those of another call or recording."""
    fields = read_object(data, "A record of metadata")
    if (fields.text("call"), fields.text("recording")) != (call_ref, recording_id):
        raise Tampered("A record of metadata is that of another call or recording.")
    values = fields.inner("metadata")
    fields.done()
    return {key: values.text(key) for key in values.names()}


def encode_entry(content: object) -> bytes:
    """Encode the content of a register's entry, a dataclass of ``vault.domain.registers.entries``.

    Fields that are null are left out: an earlier release refuses a field that it does not know.
    """
    return write_object(encode_fields(content, sparse=True))


def decode_entry(kind: type[C], data: bytes) -> C:
    """Decode the content of a register's entry. Raises Tampered for an unknown, missing or wrong field.

    A field that may be null may be absent.
    """
    return decode_fields(kind, read_object(data, "An entry of a register"), sparse=True)


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
