"""A strict JSON parser for webhooks: limited size and depth, no duplicate keys, no NaN or Infinity.

Two parsers may disagree about one JSON text: which of two equal keys counts, what NaN is, how
deep is too deep. Signed text must have one meaning, so such texts are refused (RFC 8259,
section 4, and RFC 7493).
"""

import json
import math
import re
from typing import NoReturn

from vault.errors import Invalid

#: Maximum bytes of a body. The Standard Webhooks specification recommends less than 20 KiB.
MAX_BYTES = 64 * 1024
#: Maximum nesting of objects and arrays.
MAX_DEPTH = 32
#: Maximum digits of a number: no field needs more, and long numbers are slow to convert.
MAX_DIGITS = 64

#: A string, terminated or not. Possessive quantifiers and no failing tail: there is no backtracking, so
#: a text of quotes and backslashes takes linear time.
STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
BRACKETS = re.compile(r"[\[\]{}]")


def parse_object(body: bytes, *, limit: int = MAX_BYTES) -> dict[str, object]:
    """Parse a JSON object of at most ``limit`` bytes. Raises Invalid, field ``body``, for anything else."""
    if len(body) > limit:
        raise _invalid(f"The body has more than {limit} bytes.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid("The body is not UTF-8.") from None
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except (ValueError, RecursionError):
        raise _invalid("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise _invalid("The body must be a JSON object.")
    return value


def _check_depth(text: str) -> None:
    """Check the nesting depth before the parser recurses, by counting brackets outside strings."""
    depth = 0
    for bracket in BRACKETS.findall(STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise _invalid(f"The body nests deeper than {MAX_DEPTH}.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        # The message does not contain the key: it is the sender's text.
        raise _invalid("The body contains an object with a duplicate key.")
    return members


def _constant(_name: str) -> NoReturn:
    raise _invalid("The body contains NaN or Infinity, which JSON does not allow.")


def _float(text: str) -> float:
    number = float(text) if len(text) <= MAX_DIGITS else math.inf
    if not math.isfinite(number):
        raise _invalid("The body contains a number that is too large.")
    return number


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _invalid("The body contains a number that is too large.")
    return int(text)


def _invalid(message: str) -> Invalid:
    return Invalid(message, field="body")
