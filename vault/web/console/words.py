"""Words for what the console's pages print: periods, times that are left, and moments that a form takes."""

import re
from datetime import datetime, timedelta
from typing import Final

from vault.domain.retention.period import Period

_MONTHS: Final = 12
_UNITS: Final = {"year": "Y", "month": "M", "week": "W", "day": "D"}
_WORDS = re.compile(r"(\d{1,5}) ?(year|month|week|day)s?", re.ASCII | re.IGNORECASE)
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?", re.ASCII)
_DAY = timedelta(days=1)


def period_words(period: Period | None) -> str:
    """Return a period such as "1 year and 6 months"; "none" for None."""
    if period is None:
        return "none"
    years, months = divmod(period.months, _MONTHS)
    parts = ((years, "year"), (months, "month"), (period.days, "day"))
    return " and ".join(counted(number, unit) for number, unit in parts if number)


def period_value(period: Period | None) -> str:
    """Return a period as the field of a form shows it: in words if they can be read back, else as ISO 8601."""
    words = "" if period is None else period_words(period)
    return str(period or "") if " and " in words else words


def period_text(typed: str) -> str:
    """Return what was typed as ISO 8601 if it is like "6 months"; anything else as it is."""
    found = _WORDS.fullmatch(typed)
    return typed if found is None else f"P{int(found[1])}{_UNITS[found[2].lower()]}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as "2 days"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def days_left(until: datetime, now: datetime) -> str:
    """Return how long it is until a moment, or how long it is past, in days; in hours below one day."""
    left = abs(until - now)
    length = (
        counted(left // _DAY, "day") if left >= _DAY else counted(int(left.total_seconds() // 3600), "hour")
    )
    return f"{length} left" if until >= now else f"{length} late"


def whole_number(typed: str, *, digits: int) -> int | None:
    """Return a number of at most so many digits, without a sign; None for any other text."""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= digits else None


def moment_text(typed: str) -> str | None:
    """Return what a field of the kind ``datetime-local`` holds as RFC 3339 in UTC; None for an empty one."""
    if not typed:
        return None
    return f"{typed}Z" if _LOCAL.fullmatch(typed) else typed


def moment_value(moment: datetime | None) -> str:
    """Return a moment as a field of the kind ``datetime-local`` takes it."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M")
