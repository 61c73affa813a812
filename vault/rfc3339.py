"""The only writer and the only parser of RFC 3339 timestamps, and of their days."""

import re
from datetime import UTC, date, datetime
from typing import Literal

Precision = Literal["seconds", "milliseconds", "microseconds"]
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FORMAT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def write_rfc3339(moment: datetime, precision: Precision = "milliseconds") -> str:
    """Return a moment in UTC, with ``Z``; further digits are cut off."""
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def write_rfc3339_unchanged(moment: datetime) -> str:
    """Return a moment with its own offset, and with microseconds unless they are zero.

    Stored records have had this form since the first release. Their bytes must not change.
    """
    return moment.isoformat()


def write_day(day: date) -> str:
    """Return a day as ``2026-05-04``."""
    return day.isoformat()


def parse_day(text: str) -> date:
    """Parse a day such as ``2026-05-04``. Raises ValueError."""
    if not _DAY.fullmatch(text):
        raise ValueError("The text is not a day such as 2026-05-04.")
    return date.fromisoformat(text)


def parse_rfc3339(text: str) -> datetime:
    """Parse a timestamp; the result keeps its offset, which is required. Digits beyond microseconds are dropped.

    Raises ValueError for anything else, and for moments outside the years 1 to 9999 in UTC.
    """
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise ValueError("The text is not an RFC 3339 timestamp with an offset.")
    day, clock, fraction, offset = match.groups()
    microseconds = (fraction or "0")[:6].ljust(6, "0")
    moment = datetime.fromisoformat(f"{day}T{clock}.{microseconds}{'+00:00' if offset in 'Zz' else offset}")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("The timestamp is outside the years 1 to 9999.") from None
    return moment
