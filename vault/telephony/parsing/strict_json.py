"""JSON as a webhook may send it: small, flat, without duplicate keys and without numbers that are none.

Two readers of one JSON text may disagree about it: which of two equal keys counts, what NaN is, how
deep is too deep. What the signature covers must mean one thing, so such texts are refused (RFC 8259,
section 4, and RFC 7493).
"""

import json
import math
import re
from typing import NoReturn

from vault.errors import Invalid

#: Bytes of a body. The Standard Webhooks specification recommends less than 20 KiB.
MAX_BYTES = 64 * 1024
#: Objects and arrays inside each other.
MAX_DEPTH = 32
#: Digits of a number: more is no quantity of anything here, and slow to convert.
MAX_DIGITS = 64

#: A string, whether it ends or not. Possessive, and nothing after it can fail: so it is tried at most once per
#: character, and a text of quotes and backslashes costs no more than any other.
STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
BRACKETS = re.compile(r"[\[\]{}]")


def parse_object(body: bytes, *, limit: int = MAX_BYTES) -> dict[str, object]:
    """Return the object that ``body``, of at most ``limit`` bytes, is.

    Raises Invalid, field ``body``, for everything else.
    """
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
        raise _invalid("The body is a JSON object.")
    return value


def _check_depth(text: str) -> None:
    """Count brackets outside of strings before the parser recurses into them."""
    depth = 0
    for bracket in BRACKETS.findall(STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise _invalid(f"The body nests deeper than {MAX_DEPTH}.")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        # The key is the sender's text, so the message does not repeat it.
        raise _invalid("The body names one key twice in one object.")
    return made


def _constant(_name: str) -> NoReturn:
    raise _invalid("The body holds a number that is none.")


def _float(text: str) -> float:
    number = float(text) if len(text) <= MAX_DIGITS else math.inf
    if not math.isfinite(number):
        raise _invalid("The body holds a number that is too large.")
    return number


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _invalid("The body holds a number that is too large.")
    return int(text)


def _invalid(message: str) -> Invalid:
    return Invalid(message, field="body")
