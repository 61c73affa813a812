"""The object of one closed request: the account's object has only those that are not in an object of their own yet.

Plaintext JSON with the version of the account key that seals the row. When that version is to be destroyed, or the
content is forgotten, the object is written again, and its older versions are deleted.
"""

from dataclasses import dataclass
from typing import Final

from vault.domain.field_types import FromOne
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import read_object, write_object
from vault.domain.stored.request_rows import StoredRequest, decode_request_fields, encode_request_fields
from vault.errors import Tampered

PREFIX: Final = "requests/"
_SUFFIX: Final = ".json"
#: requests/account/request.json
_SEGMENTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnvelope:
    """The plaintext part of the object."""

    account_id: str
    request_id: str
    key_version: FromOne
    sealed: bytes


def prefix_of(account_id: str) -> str:
    """Return the prefix of the requests of an account."""
    return f"{PREFIX}{account_id}/"


def location_of(account_id: str, request_id: str) -> str:
    """Return the key of a request."""
    return f"{prefix_of(account_id)}{request_id}{_SUFFIX}"


def parse_location(key: str) -> tuple[str, str] | None:
    """Return account and request of a key; None for another object."""
    parts = key.split("/")
    if not key.startswith(PREFIX) or len(parts) != _SEGMENTS or not key.endswith(_SUFFIX):
        return None
    return parts[1], parts[2].removesuffix(_SUFFIX)


def encode_request_envelope(envelope: RequestEnvelope) -> bytes:
    """Encode the object."""
    return write_object(encode_fields(envelope))


def decode_request_envelope(data: bytes) -> RequestEnvelope:
    """Decode the object. Raises Tampered."""
    return decode_fields(RequestEnvelope, read_object(data, "The object of a request"))


def encode_request(stored: StoredRequest) -> bytes:
    """Encode the text to be sealed."""
    return write_object(encode_request_fields(stored))


def decode_request(data: bytes, envelope: RequestEnvelope) -> StoredRequest:
    """Decode the decrypted text of an envelope. Raises Tampered."""
    stored = decode_request_fields(read_object(data, "The sealed text of a request"), envelope.account_id)
    if stored.request.id != envelope.request_id:
        raise Tampered("The object of a request belongs to another request.")
    return stored
