"""Dates of RFC 2822, as Twilio and SignalWire write them."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Invalid
from vault.telephony.parsing.timestamps import from_rfc2822


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("Thu, 09 Nov 2023 17:05:04 +0000", datetime(2023, 11, 9, 17, 5, 4, tzinfo=UTC)),
        ("9 Nov 2023 17:05:04 GMT", datetime(2023, 11, 9, 17, 5, 4, tzinfo=UTC)),
        ("Thu, 09 Nov 2023 17:05:04 UTC", datetime(2023, 11, 9, 17, 5, 4, tzinfo=UTC)),
        ("Thu, 09 Nov 2023 17:05:04 -0530", datetime(2023, 11, 9, 22, 35, 4, tzinfo=UTC)),
        ("Fri, 01 Mar 2024 00:30:00 +0200", datetime(2024, 2, 29, 22, 30, tzinfo=UTC)),
    ],
)
def test_offsets_become_utc(written: str, moment: datetime) -> None:
    """With and without the day of the week."""
    assert from_rfc2822(written, field="Timestamp") == moment


@given(
    st.datetimes(
        datetime(2000, 1, 2), datetime(2100, 12, 30), timezones=st.timezones()  # noqa: DTZ001 - timezones are drawn
    )
)  # fmt: skip
def test_what_the_standard_library_writes_is_read_back(moment: datetime) -> None:
    """Its writer, its reader and ours agree, to the second and the minute of offset."""
    written = format_datetime(moment)
    assert from_rfc2822(written, field="Timestamp") == parsedate_to_datetime(written)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "Thu, 09 Nov 2023 17:05:04",
        "Thu, 09 Nov 23 17:05:04 +0000",
        "Thu, 31 Nov 2023 17:05:04 +0000",
        "Thu, 09 Nov 2023 24:00:00 +0000",
        "Thu, 09 Nov 2023 17:05:60 +0000",
        "Thu, 09 Nov 2023 17:05:04 +9999",
        "Thu, 09 Nov 2023 17:05:04 EST",
        "Thu, 09 nov 2023 17:05:04 +0000",
        "Thu, 09 Nov 2023 17:05:04 +0000 ",
        "Thu, 0\u0669 Nov 2023 17:05:04 +0000",
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "2023-11-09T17:05:04Z",
    ],
)
def test_what_is_no_such_date_is_invalid(written: str) -> None:
    """The error names the field."""
    with pytest.raises(Invalid) as error:
        from_rfc2822(written, field="Timestamp")
    assert error.value.field == "Timestamp"
