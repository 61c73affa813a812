"""JSON of an account's callback in the account's object: URL and secret stay sealed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.domain.stored.json_reader import Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCallback:
    """The callback of an account; URL and secret are sealed as words of the account."""

    sealed: str
    set_at: datetime
    set_by: str


def encode_callback(callback: StoredCallback | None) -> dict[str, Any]:
    """Return the field of the account's object; none without a callback, as in earlier releases."""
    if callback is None:
        return {}
    return {"request_callback": {name: getattr(callback, name) for name in StoredCallback.__slots__}}


def decode_callback(fields: Fields) -> StoredCallback | None:
    """Decode the callback in an account's object. Raises Tampered."""
    if not fields.has("request_callback"):
        return None
    inner = fields.inner("request_callback")
    callback = StoredCallback(
        sealed=inner.text("sealed"), set_at=inner.moment("set_at"), set_by=inner.text("set_by")
    )
    inner.done()
    return callback
