"""A strict parser for the Range header (RFC 9110, section 14): one byte range, or the whole representation."""

import re

from vault.errors import NotSatisfiable

_RANGE = re.compile(r"([0-9]{0,128}+)-([0-9]{0,128}+)", re.ASCII)
#: Max characters of the header: positions have no upper limit, and numbers of this length are still fast to parse.
_MAX_LENGTH = 128


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the range [start, end) of a representation of ``size`` bytes; None for all of it.

    Other units, and a list of several ranges of which one can be satisfied, get the whole file with 200, which RFC
    9110 (14.2) allows; access is still granted window by window. Raises NotSatisfiable for a
    header that is malformed or too long, and for a range outside the representation.
    """
    if header is None or not header.lower().startswith("bytes="):
        return None
    if len(header) > _MAX_LENGTH:
        raise NotSatisfiable(size)
    # Empty list elements are ignored (RFC 9110, 5.6.1.2).
    elements = (element.strip(" \t") for element in header[6:].split(","))
    matches = [_RANGE.fullmatch(element) for element in elements if element]
    asked = [match.groups() for match in matches if match is not None and match.groups() != ("", "")]
    backwards = any(first and last and int(last) < int(first) for first, last in asked)
    found = [part for first, last in asked if (part := _part(first, last, size)) is not None]
    if len(asked) < len(matches) or backwards or not found:
        raise NotSatisfiable(size)
    return found[0] if len(matches) == 1 else None


def _part(first: str, last: str, size: int) -> tuple[int, int] | None:
    """Return the satisfiable part of a well-formed range; None if it has none."""
    if not first:
        length = min(int(last), size)
        return (size - length, size) if length else None
    start = int(first)
    return (start, min(int(last) + 1, size) if last else size) if start < size else None
