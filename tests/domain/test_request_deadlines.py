"""The clocks of requests: one for each regime, with pauses and extensions."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from vault.domain.requests.deadline import ZONES, check_extension, check_received, deadline
from vault.domain.requests.request import Extension, Pause, PersonalData, Regime, Verification
from vault.domain.retention.period import add_months
from vault.errors import Invalid, Refused

JANUARY = datetime(2027, 1, 31, 10, tzinfo=UTC)
LATER = datetime(2027, 6, 1, tzinfo=UTC)


def day(month: int, number: int, *, hour: int = 0) -> datetime:
    """Return a moment of 2027."""
    return datetime(2027, month, number, hour, tzinfo=UTC)


def told(*, verified: datetime | None = None, **more: object) -> PersonalData:
    """Return a request's data with its clock."""
    verification = None if verified is None else Verification(method="callback", at=verified, by="key_a")
    return PersonalData(reference="r", identities=(), verification=verification, **more)


FIVE_DAYS = (Pause(reason="clarification", since=day(2, 5), until=day(2, 10)),)


@pytest.mark.parametrize(
    ("regime", "personal", "due"),
    [
        # The end of a day is the beginning of the next one. In the EEA, 28 February ends in Réunion first (UTC+4).
        ("gdpr", told(), day(2, 28, hour=20)),
        ("gdpr", told(pauses=FIVE_DAYS), day(2, 28, hour=20)),
        ("gdpr", told(verified=day(2, 10)), day(2, 28, hour=20)),
        ("uk", told(), day(3, 1)),
        ("uk", told(pauses=FIVE_DAYS), day(3, 6)),
        ("uk", told(verified=day(2, 10)), day(3, 11)),
        # The clock begins with the verification, so the pause before it counts once.
        ("uk", told(verified=day(2, 10), pauses=FIVE_DAYS), day(3, 11)),
        ("uk", told(pauses=(*FIVE_DAYS, Pause(reason="fee", since=day(2, 7), until=day(2, 12)))), day(3, 8)),
        # California is at UTC-7 by then.
        ("ccpa", told(), day(3, 18, hour=7)),
        ("ccpa", told(pauses=FIVE_DAYS, verified=day(2, 20)), day(3, 18, hour=7)),
        ("none", told(), None),
    ],
)
def test_case_35_each_regime_has_its_own_clock(regime: Regime, personal: PersonalData, due: datetime | None):
    """Received on 31 January 2027: 28 February 24:00, 5 March 24:00 after 5 days of pause, 17 March 24:00."""
    assert deadline(regime, JANUARY, personal, now=LATER).due_at == due


def test_case_35_california_wants_a_first_word_in_ten_business_days():
    """31 January 2027 is a Sunday, so the tenth business day is 12 February."""
    assert deadline("ccpa", JANUARY, told(), now=LATER).confirm_by == day(2, 13, hour=8)
    assert deadline("gdpr", JANUARY, told(), now=LATER).confirm_by is None


def test_a_running_pause_counts_until_now():
    """Three begun days have passed."""
    personal = told(pauses=(Pause(reason="identity", since=day(2, 5)),))
    assert deadline("uk", JANUARY, personal, now=day(2, 7, hour=1)).due_at == day(3, 4)


def test_a_pause_for_the_identity_ends_with_the_verification():
    """The period begins with it; a pause that nobody ended moves the deadline no further."""
    for until in (None, day(2, 20)):
        pause = Pause(reason="identity", since=day(2, 5), until=until)
        personal = told(verified=day(2, 10), pauses=(pause,))
        assert deadline("uk", JANUARY, personal, now=day(2, 25)).due_at == day(3, 11)
        assert personal.waiting is None
    fee = told(verified=day(2, 10), pauses=(Pause(reason="fee", since=day(2, 5)),))
    assert fee.waiting is not None
    assert deadline("uk", JANUARY, fee, now=day(2, 12)).due_at == day(3, 13)


def test_a_pause_after_the_deadline_moves_nothing():
    """One that began before it does, also beyond it; then a later one may begin before the moved deadline."""
    late = Pause(reason="fee", since=day(3, 1), until=day(3, 9))
    assert deadline("uk", JANUARY, told(pauses=(late,)), now=LATER).due_at == day(3, 1)
    begun = Pause(reason="fee", since=day(2, 28, hour=23), until=day(3, 9, hour=23))
    assert deadline("uk", JANUARY, told(pauses=(begun,)), now=LATER).due_at == day(3, 10)
    within = Pause(reason="fee", since=day(3, 9, hour=23), until=day(3, 12))
    assert deadline("uk", JANUARY, told(pauses=(begun, within)), now=LATER).due_at == day(3, 13)
    after = Pause(reason="fee", since=day(3, 13), until=None)
    assert deadline("uk", JANUARY, told(pauses=(after, within, begun)), now=LATER).due_at == day(3, 13)


@pytest.mark.parametrize(
    ("regime", "received", "due"),
    [
        # 9 March in Cayenne (UTC-3) and Martinique, 10 March elsewhere: 9 April ends in Cayenne first.
        ("gdpr", day(3, 10, hour=2), day(4, 10, hour=3)),
        # 11 March in Réunion and Mayotte, 10 March elsewhere: 10 April ends in Athens first (UTC+3 by then).
        ("gdpr", day(3, 10, hour=21), day(4, 10, hour=21)),
        ("uk", day(6, 10, hour=23), day(7, 11, hour=23)),
        ("uk", day(6, 10, hour=22), day(7, 10, hour=23)),
        # The evening of 1 January in California.
        ("ccpa", day(1, 2, hour=4), day(2, 16, hour=8)),
    ],
)
def test_a_day_is_one_where_the_law_applies(regime: Regime, received: datetime, due: datetime):
    """By days in UTC each of these was late, up to 16 hours."""
    assert deadline(regime, received, told(), now=received).due_at == due


#: Where GDPR applies: the capitals of other clocks, and the outermost regions.
EEA = (
    "America/Martinique", "America/Guadeloupe", "America/Marigot", "America/Cayenne", "Atlantic/Azores",
    "Atlantic/Madeira", "Atlantic/Canary", "Atlantic/Reykjavik", "Europe/Dublin", "Europe/Lisbon", "Europe/Paris",
    "Europe/Berlin", "Europe/Oslo", "Africa/Ceuta", "Europe/Athens", "Europe/Helsinki", "Europe/Bucharest",
    "Asia/Nicosia", "Indian/Mayotte", "Indian/Reunion",
)  # fmt: skip


def test_no_deadline_is_later_than_that_of_the_law_anywhere_in_the_eea():
    """At each hour of a day, through a year; and it is that of one of its places."""
    for hour in range(0, 365 * 24, 5):
        received = JANUARY + timedelta(hours=hour)
        ends = []
        for zone in map(ZoneInfo, EEA):
            last = add_months(received.astimezone(zone).date(), 1)
            ends.append(datetime.combine(last + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC))
        assert deadline("gdpr", received, told(), now=received).due_at == min(ends)


def test_ten_business_days_are_those_of_california():
    """1 January 2027 is a Friday there: the tenth business day is 15 January."""
    assert deadline("ccpa", day(1, 2, hour=4), told(), now=LATER).confirm_by == day(1, 16, hour=8)
    assert [str(zone) for zone in ZONES["ccpa"]] == ["America/Los_Angeles"]


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        (date(2027, 1, 31), 1, date(2027, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2027, 12, 31), 2, date(2028, 2, 29)),
        (date(2027, 5, 31), 1, date(2027, 6, 30)),
        (date(2027, 2, 28), 1, date(2027, 3, 28)),
    ],
)
def test_a_month_ends_with_the_day_of_the_same_number(start: date, months: int, end: date):
    """Or with the last day of a shorter month (Regulation 1182/71, article 3(2)(c))."""
    assert add_months(start, months) == end


def extension(told_at: datetime, until: datetime) -> Extension:
    """Return an extension."""
    return Extension(until=until, reason="many calls", told_at=told_at)


def test_case_36_an_extension_told_after_the_first_deadline_is_too_late():
    """The last moment is before the end of the first month."""
    check_extension("gdpr", JANUARY, told(), extension(day(2, 28, hour=19), day(4, 28)), now=LATER)
    with pytest.raises(Refused) as late:
        check_extension("gdpr", JANUARY, told(), extension(day(2, 28, hour=20), day(4, 28)), now=LATER)
    assert late.value.reasons == ("too_late",)


@pytest.mark.parametrize(
    ("regime", "latest"),
    [("gdpr", day(4, 28, hour=20)), ("uk", day(4, 28, hour=23)), ("ccpa", day(5, 2, hour=7))],
)
def test_an_extension_has_a_maximum(regime: Regime, latest: datetime):
    """Two months, or 45 days."""
    check_extension(regime, JANUARY, told(), extension(day(2, 3), latest), now=LATER)
    for until in (latest.replace(second=1), day(2, 20)):
        with pytest.raises(Invalid, match="The new deadline must be after"):
            check_extension(regime, JANUARY, told(), extension(day(2, 3), until), now=LATER)


def test_an_extension_is_told_to_the_person_before_it_is_entered():
    """Neither in the future nor before the request; and no deadline has nothing to extend."""
    for told_at in (day(7, 1), day(1, 1)):
        with pytest.raises(Invalid, match="told_at"):
            check_extension("gdpr", JANUARY, told(), extension(told_at, day(4, 1)), now=LATER)
    with pytest.raises(Invalid, match="no deadline"):
        check_extension("none", JANUARY, told(), extension(day(2, 3), day(4, 1)), now=LATER)


def test_a_request_is_not_older_than_its_regime_nor_from_the_future():
    """The field and the remedy are named."""
    with pytest.raises(Invalid, match="send the regime none") as old:
        check_received("gdpr", datetime(2018, 5, 24, tzinfo=UTC), now=LATER)
    assert old.value.field == "received_at"
    check_received("gdpr", datetime(2018, 5, 24, 23, tzinfo=UTC), now=LATER)
    with pytest.raises(Invalid, match="send the regime none"):
        check_received("ccpa", datetime(2019, 12, 31, tzinfo=UTC), now=LATER)
    with pytest.raises(Invalid, match="future"):
        check_received("none", LATER, now=JANUARY)
    check_received("none", datetime(2010, 1, 1, tzinfo=UTC), now=LATER)
    for regime in ZONES:
        # What platforms send for no time; it cannot be converted to most zones.
        with pytest.raises(Invalid, match="send the regime none"):
            check_received(regime, datetime(1, 1, 1, tzinfo=UTC), now=LATER)
