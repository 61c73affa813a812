"""Retention periods: what is accepted, and at which midnight they end.

The period that a notice tells, read from what a person wrote: one that nobody told must erase nothing.
"""

from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import pytest

from vault.domain.retention.period import Period, end_of, notice_period, parse_period, parse_zone
from vault.errors import Invalid


@pytest.mark.parametrize(
    ("text", "months", "days"),
    [("P7Y", 84, 0), ("P6M", 6, 0), ("P1Y6M", 18, 0), ("P2W", 0, 14), ("P90D", 0, 90), ("P1M10D", 1, 10)],
)
def test_a_period_is_read_as_months_and_days(text: str, months: int, days: int) -> None:
    """A period is read as months and days."""
    assert parse_period(text) == Period(months, days)


def test_a_period_is_written_as_it_was_read() -> None:
    """A period is written as it was read."""
    assert [str(parse_period(text)) for text in ("P7Y", "P18M", "P2W")] == ["P7Y", "P1Y6M", "P14D"]


@pytest.mark.parametrize(
    "text",
    ["", "P", "90", "90D", "2555", "PT5M", "P1DT1H", "P0D", "P-1Y", "P1.5Y", "p6m", " P6M", "P1D1M", "P٣Y"],
)
def test_anything_else_is_refused_with_the_remedy(text: str) -> None:
    """Anything else is refused with the remedy."""
    with pytest.raises(Invalid, match="P90D") as refused:
        parse_period(text, field="classes.0.period")
    assert refused.value.field == "classes.0.period"


def test_a_period_of_more_than_a_hundred_years_is_refused() -> None:
    """A period of more than a hundred years is refused."""
    parse_period("P100Y")
    for text in ("P101Y", "P1201M", "P36601D", "P7900Y", "P9999Y", "P99Y9999M"):
        with pytest.raises(Invalid, match="at most 100 years"):
            parse_period(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd", "Europe", "paris "])
def test_an_unknown_zone_is_refused(name: str) -> None:
    """An unknown zone is refused."""
    with pytest.raises(Invalid, match="IANA"):
        parse_zone(name)


_LEAP = datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "rounding", "local_end"),
    [
        ("UTC", "last", "2031-03-01T00:00:00"),
        ("UTC", "first", "2031-02-28T00:00:00"),
        ("Europe/Paris", "last", "2031-03-01T00:00:00"),
        ("Europe/Paris", "first", "2031-02-28T00:00:00"),
        # UTC+14: noon in UTC is already 1 March there.
        ("Pacific/Kiritimati", "last", "2031-03-02T00:00:00"),
        ("Pacific/Kiritimati", "first", "2031-03-01T00:00:00"),
    ],
)
def test_seven_years_from_a_leap_day_end_at_a_midnight_of_the_zone(
    zone: str, rounding: Literal["first", "last"], local_end: str
) -> None:
    """Seven years from a leap day end at a midnight of the zone."""
    end = end_of(parse_period("P7Y"), _LEAP, parse_zone(zone), rounding)
    assert end.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S") == local_end


@pytest.mark.parametrize(("months", "day"), [(1, 29), (2, 31), (3, 30), (13, 28)])
def test_a_month_without_the_day_ends_on_its_last_day(months: int, day: int) -> None:
    """A month without the day ends on its last day."""
    end = end_of(Period(months, 0), datetime(2024, 1, 31, tzinfo=UTC), UTC, "first")
    assert end.day == day


def test_a_midnight_that_the_zone_skips_is_the_moment_of_the_change() -> None:
    """A midnight that the zone skips is the moment of the change."""
    # In Beirut the clock went from 24:00 on 30 March to 01:00 on 31 March 2024.
    end = end_of(Period(0, 1), datetime(2024, 3, 30, 12, tzinfo=UTC), ZoneInfo("Asia/Beirut"), "first")
    assert end == datetime(2024, 3, 30, 22, tzinfo=UTC)


def test_of_a_midnight_that_occurs_twice_a_minimum_takes_the_later_one() -> None:
    """Of a midnight that occurs twice a minimum takes the later one."""
    # In Havana the clock goes back from 01:00 to 00:00, on 3 November 2024.
    havana, before = ZoneInfo("America/Havana"), datetime(2024, 11, 2, 12, tzinfo=UTC)
    assert end_of(Period(0, 1), before, havana, "first") == datetime(2024, 11, 3, 4, tzinfo=UTC)
    since = datetime(2024, 11, 1, 12, tzinfo=UTC)
    assert end_of(Period(0, 1), since, havana, "last") == datetime(2024, 11, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other", "may_exceed"),
    [
        ("P5Y", "P6M", True), ("P6M", "P5Y", False), ("P6M", "P6M", False), ("P30D", "P1M", True),
        ("P28D", "P1M", False), ("P1M", "P30D", True), ("P1M", "P31D", False), ("P365D", "P1Y", False),
        ("P366D", "P1Y", True), ("P1Y", "P365D", True), ("P12M", "P1Y", False),
    ],
)  # fmt: skip
def test_a_period_may_exceed_another_if_it_does_from_any_day(one: str, other: str, may_exceed: bool) -> None:
    """A period may exceed another if it does from any day."""
    assert parse_period(one).may_exceed(parse_period(other)) is may_exceed


@pytest.mark.parametrize(
    ("retention", "told"),
    [
        ("six months", "P6M"),
        ("90 jours", "P90D"),
        ("zwei Jahre", "P2Y"),
        ("until the dispute ends, at most one year", "P1Y"),
        ("as long as needed", None),
        ("0 days", None),
    ],
)
def test_the_field_is_read_alone(retention: str, told: str | None) -> None:
    """Whatever the text says besides."""
    period = notice_period(retention, "We keep this recording for ten years.")
    assert (None if period is None else str(period)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("This call is recorded. The recording is kept for one year.", "P1Y"),
        ("We are here for you seven days a week. The recording is kept for one year.", "P1Y"),
        ("Call back within 14 days. We keep this recording for two years.", "P2Y"),
        ("Nous sommes là 7 jours sur 7. Nous conservons cet enregistrement six mois.", "P6M"),
        ("Wir bewahren die Aufzeichnung drei Monate auf. Rufen Sie in 14 Tagen zurück.", "P3M"),
        ("Guardamos esta grabación un año; le atendemos 7 días.", "P1Y"),
        ("Conserviamo la registrazione per sei mesi.", "P6M"),
        ("A gravação é apagada após trinta dias, ou seja 30 dias.", "P30D"),
        ("Wij bewaren dit gesprek 90 dagen.", "P90D"),
        ("We are here for you seven days a week. This call is recorded.", None),
        ("Our store is open seven days a week.", None),
        ("We keep it for six months, invoices for ten years.", None),
        ("It is deleted after 30 days. It is kept for 30 days.", "P30D"),
        ("", None),
    ],
)
def test_of_a_text_sentences_about_keeping_are_read(text: str, told: str | None) -> None:
    """And only if they name one period: nobody knows which of two a caller relies on."""
    period = notice_period("", text)
    assert (None if period is None else str(period)) == told
