"""JSON of the records in sealed and JSON columns. Each has a version.

The fields keep the order in which they have always been written: the bytes of a record never change.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vault.domain.calls.call import Announcement, CallFacts
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.deflated import inflate
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.rfc3339 import write_rfc3339_unchanged


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
