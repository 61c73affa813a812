"""One strict parser for the Range header (RFC 9110, section 14): one range of bytes, or none."""

import re

from vault.errors import NotSatisfiable

#: More digits than any size has; what is longer is beyond the end without being computed.
_DIGITS = 18
_RANGE = re.compile(rf"bytes=[ \t]*([0-9]{{0,{_DIGITS}}})-([0-9]{{0,{_DIGITS}}})[ \t]*", re.ASCII)
_LONGEST = 128


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the range [start, end) of a representation of ``size`` bytes; None for all of it.

    Another unit than bytes is ignored, as the RFC asks. Raises NotSatisfiable for a range that is
    malformed or lies outside, and for several: a player asks for one, and several are an attack.
    """
    if header is None or not header.lower().startswith("bytes="):
        return None
    match = _RANGE.fullmatch("bytes=" + header[6:]) if len(header) <= _LONGEST else None
    if match is None or match.groups() == ("", ""):
        raise NotSatisfiable(size)
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise NotSatisfiable(size)
        return size - length, size
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if start >= size or (last and int(last) < start):
        raise NotSatisfiable(size)
    return start, end
