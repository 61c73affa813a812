"""JSON of wrapped month keys in an account's object."""

from collections.abc import Sequence
from typing import Any

from vault.domain.accounts.month_key import WrappedMonthKey, check_month_key_id
from vault.domain.stored.json_reader import Fields

_MONTH_KEY = tuple(WrappedMonthKey.__slots__)


def encode_month_keys_fields(keys: Sequence[WrappedMonthKey]) -> dict[str, Any]:
    """Return the field; none without month keys, as in earlier releases."""
    items = [{name: getattr(key, name) for name in _MONTH_KEY} for key in keys]
    return {"month_keys": items} if items else {}


def decode_month_keys_fields(fields: Fields) -> tuple[WrappedMonthKey, ...]:
    """Decode the field. Raises Tampered."""
    keys = []
    for item in fields.items("month_keys") if fields.has("month_keys") else ():
        key = WrappedMonthKey(
            id=check_month_key_id(item.text("id")),
            number=item.integer("number", least=1),
            wrapped=item.blob("wrapped"),
            key_version=item.integer("key_version", least=1),
        )
        keys.append(key)
        item.done()
    return tuple(keys)
