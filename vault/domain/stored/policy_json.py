"""A consent policy as it is kept."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from vault.domain.consent.consent_event import ConsentPolicy, Keys
from vault.domain.rules.rules import RuleOverride


def encode_policy(policy: ConsentPolicy) -> dict[str, Any]:
    """Write a policy as JSON, without its version and the change that made it."""
    said = asdict(policy)
    for name in ("version", "changed_at", "changed_by"):
        del said[name]
    said["overrides"] = [one | {"at": one["at"].isoformat()} for one in said["overrides"]]
    return {"v": 1, **said}


def decode_policy(said: Mapping[str, Any], *, version: int, at: datetime, by: str) -> ConsentPolicy:
    """Read a policy back."""
    values = {name: value for name, value in said.items() if name != "v"}
    values["keys"] = Keys(**values["keys"])
    overrides = [one | {"at": datetime.fromisoformat(one["at"])} for one in values["overrides"]]
    values["overrides"] = tuple(RuleOverride(**one) for one in overrides)
    return ConsentPolicy(**values, version=version, changed_at=at, changed_by=by)
