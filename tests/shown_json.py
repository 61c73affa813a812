"""Compare JSON that a page shows with what a command printed: the same nesting, with anything left out.

An ellipsis stands for anything: a value, a part of a string or of a number, and, at the end of an object or a
list, all the rest.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_STRING = re.compile(r'("(?:[^"\\]|\\.)*")')


def read_shown(text: str) -> list[Any]:
    """Return each object that a page shows, an ellipsis as a string. Raises ValueError for text that is no JSON."""
    # Every second piece is a string, and stays as it is.
    pieces = _STRING.split(text)
    for index in range(0, len(pieces), 2):
        # After a colon or in a number it is a value; else, at the end of an object or a list, all the rest.
        value = re.sub(
            r"(:\s*|-?[\d.]+)…",
            lambda said: said[1].rstrip("-0123456789.") + json.dumps(said[0].lstrip(": \n")),
            pieces[index],
        )
        pieces[index] = re.sub(r",?\s*…\s*(?=[}\]])", "", value)
    # One object after the other, as two answers are.
    return list(json.loads("[" + re.sub(r"}\s*{", "},{", "".join(pieces)) + "]"))


def read_printed(text: str) -> Iterator[Any]:
    """Yield each object or list that a text holds, outermost ones alone."""
    decoder, start = json.JSONDecoder(), 0
    while (found := re.compile(r"[{\[]").search(text, start)) is not None:
        try:
            value, start = decoder.raw_decode(text, found.start())
        except ValueError:
            start = found.end()
        else:
            yield value


def matches(shown: Any, actual: Any) -> bool:
    """Say whether the answer has everything that is shown, at the same place."""
    if isinstance(shown, dict):
        return isinstance(actual, dict) and all(
            name in actual and matches(value, actual[name]) for name, value in shown.items()
        )
    if isinstance(shown, list):
        # Each item has a partner, in the order of the answer.
        rest = iter(actual if isinstance(actual, list) else [])
        return isinstance(actual, list) and all(any(matches(one, other) for other in rest) for one in shown)
    if isinstance(shown, str) and "…" in shown:
        written = actual if isinstance(actual, str) else json.dumps(actual)
        return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), written, re.DOTALL) is not None
    return type(shown) is type(actual) and bool(shown == actual)
