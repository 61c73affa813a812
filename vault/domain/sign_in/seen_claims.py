"""What the last sign-in by a connection carried: the names of its claims, never their values."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from vault.rfc3339 import parse_rfc3339, write_rfc3339

#: Names that are stored, and their length; what is above is left out.
_MAX_NAMES: Final = 60
_MAX_LENGTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenClaims:
    """What a provider said of the person who signed in last."""

    at: datetime
    #: Names of claims; those within another claim as ``realm_access.roles``.
    names: tuple[str, ...]
    #: Whether the connection's claim was there, and whether one of its values gives a role.
    has_claim: bool
    has_role: bool


def claim_names(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of claims, sorted; those that are too long or cannot be printed are left out."""
    usable = {name for name in _names(claims) if name.isprintable() and 0 < len(name) <= _MAX_LENGTH}
    return tuple(sorted(usable)[:_MAX_NAMES])


def encode_seen(seen: SeenClaims) -> str:
    """Encode it, to be sealed."""
    return json.dumps(
        {
            "at": write_rfc3339(seen.at),
            "names": seen.names,
            "has_claim": seen.has_claim,
            "has_role": seen.has_role,
        }
    )


def decode_seen(text: str) -> SeenClaims:
    """Decode what ``encode_seen`` made."""
    found = json.loads(text)
    names: Sequence[str] = found["names"]
    return SeenClaims(
        at=parse_rfc3339(found["at"]),
        names=tuple(names),
        has_claim=found["has_claim"],
        has_role=found["has_role"],
    )


def _names(claims: Mapping[str, Any]) -> Iterator[str]:
    for name, value in claims.items():
        if isinstance(value, Mapping):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name
