"""Timestamps: one way to write them, and one strict way to read them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.rfc3339 import parse_rfc3339, write_rfc3339, write_rfc3339_unchanged

VAULT = Path(__file__).parents[1] / "vault"
EAST = timezone(timedelta(hours=5, minutes=30))
AWARE = st.builds(
    lambda microseconds, zone: (
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    ).astimezone(zone),
    st.integers(0, 10**16),
    st.sampled_from([UTC, EAST]),
)


@given(AWARE)
def test_what_was_written_is_read(moment: datetime) -> None:
    """With the whole precision, and the offset where it is kept."""
    assert parse_rfc3339(write_rfc3339(moment, "microseconds")) == moment
    again = parse_rfc3339(write_rfc3339_unchanged(moment))
    assert (again, again.utcoffset()) == (moment, moment.utcoffset())


def test_digits_are_cut_off_and_not_rounded() -> None:
    """A time is never later than it was."""
    moment = datetime(2026, 1, 31, 9, 30, 59, 999_999, tzinfo=EAST)
    assert write_rfc3339(moment, "seconds") == "2026-01-31T04:00:59Z"
    assert write_rfc3339(moment) == "2026-01-31T04:00:59.999Z"
    assert write_rfc3339(moment, "microseconds") == "2026-01-31T04:00:59.999999Z"


@pytest.mark.parametrize(
    "text",
    [
        "", "2026-01-31", "2026-01-31T09:30Z", "2026-01-31 09:30:00Z", "2026-01-31T09:30:00", "20260131T093000Z",
        "2026-01-31T09:30:00+0100", "2026-02-30T09:30:00Z", "2026-01-31T24:30:00Z", "2026-01-31T09:30:00+99:00",
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-31T09:30:00Z\n",
        "2026-01-31T09:30:00+05:30:15", "2026-W05-6T09:30:00Z", "\uff12\uff10\uff12\uff16-01-31T09:30:00Z",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    """Also what Python's own parser takes."""
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


def test_nothing_else_writes_or_parses_timestamps() -> None:
    """Dates, the formats of other protocols such as HTML's local time, and frozen migrations aside."""
    own = re.compile(r"(?<!date\(\))(?<!reviewed_on)\.isoformat\(|datetime\.fromisoformat\(|%Y-%m-%dT")
    users = {str(file.relative_to(VAULT)) for file in VAULT.rglob("*.py") if own.search(file.read_text())}
    assert {user for user in users if "migrations/" not in user} == {"rfc3339.py", "web/console/words.py"}
