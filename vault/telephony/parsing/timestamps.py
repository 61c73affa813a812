"""Parsers of the platforms' timestamp formats; all return aware UTC datetimes."""

import re
from datetime import UTC, datetime, timedelta, timezone

from vault.domain.calls.call import CALL_YEARS
from vault.errors import Invalid
from vault.rfc3339 import parse_rfc3339


def from_rfc3339(text: str, *, field: str) -> datetime:
    """Parse an RFC 3339 timestamp; its offset is required.

    Digits beyond microseconds are dropped. Raises Invalid, naming ``field``.
    """
    try:
        moment = parse_rfc3339(text).astimezone(UTC)
    except ValueError:
        raise _invalid(field) from None
    if moment.year not in CALL_YEARS:
        raise Invalid(f"{field} must be in the years {CALL_YEARS[0]} to {CALL_YEARS[-1]}.", field=field)
    return moment


def from_unix(value: object, *, field: str) -> datetime:
    """Parse whole seconds since 1970, a JSON integer. Raises Invalid, naming ``field``.

    Milliseconds give a year outside CALL_YEARS, so they are refused and not misread.
    """
    if not isinstance(value, int):
        raise Invalid(f"{field} must be an integer, in seconds since 1970.", field=field)
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.year not in CALL_YEARS:
        raise Invalid(f"{field} must be in the years {CALL_YEARS[0]} to {CALL_YEARS[-1]}.", field=field)
    return moment


def _invalid(field: str) -> Invalid:
    return Invalid(f"{field} must be an RFC 3339 timestamp with an offset.", field=field)


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
RFC2822 = re.compile(
    rf"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?([0-9]{{1,2}}) ({'|'.join(MONTHS)}) ([0-9]{{4}}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) (?:(?:GMT|UTC)|([+-])([0-9]{2})([0-9]{2}))"
)


def from_rfc2822(text: str, *, field: str) -> datetime:
    """Parse a date of RFC 2822, section 3.3, with a four-digit year and an offset.

    Twilio and SignalWire send these: ``Thu, 09 Nov 2023 17:05:04 +0000``. The day of the week is not
    compared with the date. Raises Invalid, naming ``field``.
    """
    match = RFC2822.fullmatch(text)
    if match is None:
        raise _not_2822(field)
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
        local = datetime(
            int(year),
            MONTHS.index(month) + 1,
            int(day),
            int(hour),
            int(minute),
            int(second),
            tzinfo=timezone(offset),
        )
        moment = local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _not_2822(field) from None
    if moment.year not in CALL_YEARS:
        raise Invalid(f"{field} must be in the years {CALL_YEARS[0]} to {CALL_YEARS[-1]}.", field=field)
    return moment


def _not_2822(field: str) -> Invalid:
    return Invalid(f"{field} must be an RFC 2822 date with an offset.", field=field)


MILLISECONDS = re.compile(r"([0-9]{1,15})(?:\.[0-9]{1,9})?")
SPACED = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def from_milliseconds(text: str, *, field: str) -> datetime:
    """Parse milliseconds since 1970: Plivo's ``1407235163907.00000``; the fraction is dropped.

    Seconds give a year outside CALL_YEARS, so they are refused and not misread. Raises Invalid, naming ``field``.
    """
    match = MILLISECONDS.fullmatch(text)
    if match is None:
        raise Invalid(f"{field} must be a number of milliseconds since 1970.", field=field)
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(match[1]))
    except OverflowError:
        moment = None
    if moment is None or moment.year not in CALL_YEARS:
        raise Invalid(f"{field} must be in the years {CALL_YEARS[0]} to {CALL_YEARS[-1]}.", field=field)
    return moment


def from_spaced(text: str, *, field: str) -> datetime:
    """Parse a date and a time separated by a space: Plivo's ``2014-08-05 16:15:15+05:30``.

    Without an offset it is UTC. Raises Invalid, naming ``field``.
    """
    match = SPACED.fullmatch(text)
    if match is None:
        raise Invalid(f"{field} must be a date, a space and a time.", field=field)
    day, clock, fraction, offset = match.groups()
    return from_rfc3339(f"{day}T{clock}{fraction or ''}{offset or 'Z'}", field=field)
