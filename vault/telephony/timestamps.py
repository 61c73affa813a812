"""Points in time as platforms write them, made aware and UTC."""

import re
from datetime import UTC, datetime

from vault.errors import Invalid

#: No telephone call of this vault began outside these years; a zero or a wrong unit does.
YEARS = range(2000, 2101)

RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def from_rfc3339(text: str, *, field: str) -> datetime:
    """Return an RFC 3339 timestamp, whose offset is required, in UTC.

    Digits beyond microseconds are dropped. Raises Invalid, naming ``field``.
    """
    match = RFC3339.fullmatch(text)
    if match is None:
        raise _invalid(field)
    day, clock, fraction, offset = match.groups()
    microseconds = (fraction or "0")[:6].ljust(6, "0")
    if offset in "Zz":
        offset = "+00:00"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}.{microseconds}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid(field) from None
    if moment.year not in YEARS:
        raise Invalid(f"{field} lies outside the years {YEARS[0]} to {YEARS[-1]}.", field=field)
    return moment


def _invalid(field: str) -> Invalid:
    return Invalid(f"{field} is an RFC 3339 timestamp with an offset.", field=field)
