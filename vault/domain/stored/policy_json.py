"""JSON of a consent policy, for its row and for the account's object."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.legal_rules.rule import RuleOverride
from vault.domain.stored.dataclass_json import decode_fields, encode_fields
from vault.domain.stored.json_reader import Fields
from vault.rfc3339 import write_rfc3339_unchanged

_CHANGE = ("version", "changed_at", "changed_by")


def encode_policy(policy: ConsentPolicy) -> dict[str, Any]:
    """Encode a policy without its version, and the time and author of its change."""
    values = encode_fields(policy, without=_CHANGE)
    for override in values["overrides"]:
        override["at"] = write_rfc3339_unchanged(override["at"])
    return {"v": 1, **values}


def decode_policy(data: Mapping[str, Any], *, version: int, at: datetime, by: str) -> ConsentPolicy:
    """Decode a policy. Raises Tampered."""
    fields = Fields(data, "A consent policy")
    fields.check_version(1)
    overrides = tuple(decode_fields(RuleOverride, one, sparse=True) for one in fields.items("overrides"))
    return decode_fields(
        ConsentPolicy, fields, overrides=overrides, version=version, changed_at=at, changed_by=by
    )
