"""Reads JSON that a provider sent: an object without duplicate members, of bounded size.

Two parsers of one token may take different members of the same name; so a token that has one twice is refused.
"""

import json
from typing import Any, NoReturn


def read_object(data: bytes, limit: int) -> dict[str, Any]:
    """Return the object. Raises ValueError for more than ``limit`` bytes, for what is not an object, and for NaN."""
    if len(data) > limit:
        raise ValueError(f"It has more than {limit} bytes.")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None
    if not isinstance(value, dict):
        raise ValueError("It is not a JSON object.")  # noqa: TRY004 - the one error of this module
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("It has a member twice.")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON.")
