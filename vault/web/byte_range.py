"""One strict parser for the Range header (RFC 9110, section 14): one range of bytes, or none."""

import re

from vault.errors import NotSatisfiable

_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.ASCII)
#: Characters of a header that is looked at: a position has no upper limit, and a number of so many digits
#: is computed at once.
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
