"""JSON of an account's objections in its object."""

from dataclasses import dataclass
from typing import Any

from vault.domain.consent.consent_event import Objection
from vault.domain.field_types import FromOne
from vault.domain.stored.dataclass_json import decode_fields, encode_fields, read_fields
from vault.domain.stored.json_reader import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObjection:
    """An objection with its number, as in the row."""

    id: str
    #: Keyed hash of the number, for search.
    term: bytes
    sealed_number: bytes
    key_version: FromOne
    objection: Objection


def encode_objection_fields(stored: StoredObjection) -> dict[str, Any]:
    """Return an objection as a JSON object."""
    return encode_fields(stored, without={"objection"}) | encode_fields(stored.objection)


def decode_objection_fields(fields: Fields) -> StoredObjection:
    """Decode an objection. Raises Tampered."""
    objection = read_fields(Objection, fields)
    return decode_fields(StoredObjection, fields, objection=objection)
