"""Metadata: short texts under keys that an account gives its calls and recordings, such as the number of an order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vault.errors import Invalid

#: Max keys of one call or one recording.
MAX_KEYS: Final = 20
#: Max characters of a value.
MAX_VALUE: Final = 500
#: What a key may be, for schemas. It has no colon, which ends it in a search.
KEY: Final = r"^[A-Za-z0-9_.-]{1,40}$"
_KEY: Final = re.compile(KEY[1:-1])
#: Values by key.
Metadata = Mapping[str, str]
#: Changes by key; None removes a key.
MetadataPatch = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataRow:
    """The sealed metadata of a call, or of one of its recordings."""

    account_id: str
    call_ref: str
    #: Empty for the metadata of the call itself.
    recording_id: str
    sealed: str
    changed_at: datetime


def is_key(text: object) -> bool:
    """Return whether a value may be a key."""
    return isinstance(text, str) and _KEY.fullmatch(text) is not None


def merged(before: Metadata, patch: MetadataPatch) -> dict[str, str]:
    """Return metadata with a patch applied, as in a JSON merge patch (RFC 7396). Raises Invalid for too many keys."""
    after = {key: value for key, value in (dict(before) | dict(patch)).items() if value is not None}
    if len(after) > MAX_KEYS:
        text = f"metadata has {len(after)} keys with these, and at most {MAX_KEYS} are kept. Remove some with null."
        raise Invalid(text, field="metadata")
    return after


def overwrites(before: Metadata, after: Metadata) -> bool:
    """Return whether a value that was there is changed or removed."""
    return any(after.get(key) != value for key, value in before.items())
