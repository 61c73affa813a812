"""JSON of the rows of requests of people, in the account's object and in their own: what is personal stays sealed.

The account's object has only those closed requests that are not in an object of their own yet, which is plaintext JSON
with the version of the account key that seals the row. When that version is to be destroyed, or the content is
forgotten, the object is written again, and its older versions are deleted.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from vault.domain.field_types import FromOne
from vault.domain.requests.request import KINDS, RETENTION, Regime, Request, RequestState
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields, read_object, write_object
from vault.errors import Tampered

#: Columns with the same name as their field.
_TEXTS = ("kind", "regime", "state", "repeat_of", "receipt_event")
_MOMENTS = ("received_at", "created_at", "due_at", "closed_at", "forget_at")
_BLOBS = ("reference_term", "sealed_personal", "sealed_receipt")
_NUMBERS = ("key_version", "receipt_key_version", "receipt_log_size", "revision")
PREFIX: Final = "requests/"
_SUFFIX: Final = ".json"
#: requests/account/request.json
_SEGMENTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request as in its row."""

    #: Without personal data.
    request: Request
    reference_term: bytes | None
    sealed_personal: bytes | None
    key_version: int | None
    sealed_receipt: bytes | None
    receipt_key_version: int | None
    receipt_event: str | None
    receipt_log_size: int | None
    forget_at: datetime | None
    #: The keyed hashes that find it.
    terms: tuple[bytes, ...] = ()
    #: Recordings that are restricted for it.
    restricts: tuple[str, ...] = ()

    @property
    def key_versions(self) -> frozenset[int]:
        """Return the versions of the account key that open it."""
        versions = (self.key_version, self.receipt_key_version)
        return frozenset(version for version in versions if version is not None)

    def value(self, name: str) -> Any:
        """Return the value of a column."""
        return getattr(self if name in StoredRequest.__slots__ else self.request, name)


def encode_request_fields(stored: StoredRequest) -> dict[str, Any]:
    """Return the fields of one request."""
    names = (*_TEXTS, *_MOMENTS, *_BLOBS, *_NUMBERS)
    values = {name: value for name in names if (value := stored.value(name)) is not None}
    return {
        **values,
        "id": stored.request.id,
        "state": str(stored.request.state),
        "terms": [term.hex() for term in stored.terms],
        "restricts": list(stored.restricts),
    }


def decode_request_fields(fields: Fields, account_id: str) -> StoredRequest:
    """Decode the fields of one request. Raises Tampered."""

    def optional(name: str, read: Any) -> Any:
        return read(name) if fields.has(name) else None

    moments = {name: optional(name, fields.moment) for name in _MOMENTS[2:]}
    blobs = {name: optional(name, fields.blob) for name in _BLOBS}
    versions = {name: optional(name, fields.integer) for name in _NUMBERS[:3]}
    forget_at = moments.pop("forget_at")
    request = Request(
        id=fields.text("id"),
        account_id=account_id,
        kind=fields.one_of("kind", (*KINDS, "closure")),
        regime=fields.one_of("regime", get_args(Regime)),
        state=RequestState(fields.one_of("state", tuple(str(state) for state in RequestState))),
        received_at=fields.moment("received_at"),
        created_at=fields.moment("created_at"),
        repeat_of=optional("repeat_of", fields.text),
        revision=fields.integer("revision", least=1),
        personal=None,
        **moments,
    )
    withdrawn_at = request.closed_at if request.state is RequestState.WITHDRAWN else None
    if withdrawn_at is not None and forget_at is None and blobs["sealed_personal"] is not None:
        # Objects of earlier releases do not say when the content of a withdrawn request is forgotten.
        forget_at = withdrawn_at + RETENTION
    stored = StoredRequest(
        request=request,
        receipt_event=optional("receipt_event", fields.text),
        forget_at=forget_at,
        terms=tuple(_term(text) for text in fields.texts("terms")),
        restricts=tuple(fields.texts("restricts")),
        **blobs,
        **versions,
    )
    fields.done()
    return stored


def _term(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Tampered("A term of a request is not hexadecimal.") from error


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
