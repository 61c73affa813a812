"""JSON of a consent policy."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from vault.domain.consent.consent_event import ConsentPolicy, Keys
from vault.domain.rules.rules import RuleOverride
from vault.rfc3339 import parse_rfc3339, write_rfc3339_unchanged


def encode_policy(policy: ConsentPolicy) -> dict[str, Any]:
    """Encode a policy without its version, and the time and author of its change."""
    values = asdict(policy)
    for name in ("version", "changed_at", "changed_by"):
        del values[name]
    values["overrides"] = [
        override | {"at": write_rfc3339_unchanged(override["at"])} for override in values["overrides"]
    ]
    return {"v": 1, **values}


def decode_policy(data: Mapping[str, Any], *, version: int, at: datetime, by: str) -> ConsentPolicy:
    """Decode a policy."""
    values = {name: value for name, value in data.items() if name != "v"}
    values["keys"] = Keys(**values["keys"])
    overrides = [override | {"at": parse_rfc3339(override["at"])} for override in values["overrides"]]
    values["overrides"] = tuple(RuleOverride(**override) for override in overrides)
    return ConsentPolicy(**values, version=version, changed_at=at, changed_by=by)
