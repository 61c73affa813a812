"""JSON of the rows of requests of people, in the account's object and in their own: what is personal stays sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from vault.domain.requests.request import KINDS, RETENTION, Regime, Request, RequestState
from vault.domain.stored.json_reader import Fields
from vault.errors import Tampered

#: Columns with the same name as their field.
_TEXTS = ("kind", "regime", "state", "repeat_of", "receipt_event")
_MOMENTS = ("received_at", "created_at", "due_at", "closed_at", "forget_at")
_BLOBS = ("reference_term", "sealed_personal", "sealed_receipt")
_NUMBERS = ("key_version", "receipt_key_version", "receipt_log_size", "revision")


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
