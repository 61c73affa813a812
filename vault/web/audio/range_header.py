"""One strict parser for the Range header (RFC 9110, section 14): one range of bytes, or all of them."""

import re

from vault.errors import NotSatisfiable

_RANGE = re.compile(r"([0-9]{0,128}+)-([0-9]{0,128}+)", re.ASCII)
#: Characters of a header that is looked at: a position has no upper limit, and a number of so many digits
#: is computed at once.
_MAX_LENGTH = 128


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the range [start, end) of a representation of ``size`` bytes; None for all of it.

    Another unit than bytes is ignored, and so is a list of several ranges of which one could be had: the
    RFC allows that (14.2), every client takes a 200, and each window of it is granted as it is sent. Raises
    NotSatisfiable for what is malformed, longer than any player's, or lies outside.
    """
    if header is None or not header.lower().startswith("bytes="):
        return None
    if len(header) > _MAX_LENGTH:
        raise NotSatisfiable(size)
    # Empty elements of a list do not count (RFC 9110, 5.6.1.2).
    elements = (element.strip(" \t") for element in header[6:].split(","))
    matches = [_RANGE.fullmatch(element) for element in elements if element]
    asked = [match.groups() for match in matches if match is not None and match.groups() != ("", "")]
    backwards = any(first and last and int(last) < int(first) for first, last in asked)
    found = [part for first, last in asked if (part := _part(first, last, size)) is not None]
    if len(asked) < len(matches) or backwards or not found:
        raise NotSatisfiable(size)
    return found[0] if len(matches) == 1 else None


def _part(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return the satisfiable part of one well-formed range; None if there is none."""
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else None
    start = int(first)
    return (start, min(int(last) + 1, size) if last else size) if start < size else None
