"""Parses JSON that has one meaning: no member twice in an object, no NaN or Infinity (RFC 8259, section 4; RFC 7493).

Two parsers of one text may take different members of the same name; so a text that has one twice is refused.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn


def parse_strict(
    data: bytes,
    *,
    parse_int: Callable[[str], int] | None = None,
    parse_float: Callable[[str], float] | None = None,
) -> Any:
    """Return the value. Raises ValueError for any other text, also for one that is nested too deeply."""
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_int=parse_int,
            parse_float=parse_float,
        )
    except RecursionError:
        raise ValueError("It is nested too deeply.") from None


def read_object(
    data: bytes, limit: int, *, parse_float: Callable[[str], float] | None = None
) -> dict[str, Any]:
    """Return the object. Raises ValueError for more than ``limit`` bytes, and for what is not an object."""
    if len(data) > limit:
        raise ValueError(f"It has more than {limit} bytes.")
    value = parse_strict(data, parse_float=parse_float)
    if not isinstance(value, dict):
        raise ValueError("It is not a JSON object.")  # noqa: TRY004 - the one error of this module
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("It has a member twice.")
    return members


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON.")
