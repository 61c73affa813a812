"""Deadlines of requests: one clock for each regime, with its pauses and its extension.

Sources: GDPR article 12(3) and Regulation (EEC, Euratom) No 1182/71 article 3(2)(c): a period in months ends with the
day of the same number, or with the last day of a shorter month. UK GDPR article 12A: the period begins at the latest of
receipt, identity and fee, and the days spent waiting for the person do not count. CCPA regulations § 7021: 45 calendar
days from receipt whatever verification takes, a confirmation within 10 business days. A day is a day in UTC, and no
deadline moves to a working day: it is then never later than the law's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from vault.domain.requests.request import Extension, Pause, PersonalData, Regime
from vault.domain.retention.period import add_months
from vault.errors import Invalid, Refused
from vault.rfc3339 import write_rfc3339

#: The day from which a request under the regime is possible.
FIRST_DAY: Final = {"gdpr": date(2018, 5, 25), "uk": date(2018, 5, 25), "ccpa": date(2020, 1, 1)}
_CCPA_DAYS: Final = 45
_EXTENSION_MONTHS: Final = 2
_CONFIRMATION_DAYS: Final = 10
_SATURDAY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When an answer is due."""

    #: None for the regime ``none``.
    due_at: datetime | None
    #: When the person must have been told that the request arrived; CCPA only.
    confirm_by: datetime | None = None


def check_received(regime: Regime, received_at: datetime, *, now: datetime) -> None:
    """Raise Invalid for a request that is not received yet, or is older than its regime."""
    if received_at > now:
        raise Invalid("received_at must not be in the future.", field="received_at")
    first = FIRST_DAY.get(regime)
    if first is not None and received_at.date() < first:
        text = f"received_at is before the regime {regime} applied ({first}): send the regime none."
        raise Invalid(text, field="received_at")


def deadline(regime: Regime, received_at: datetime, personal: PersonalData, *, now: datetime) -> Deadline:
    """Return the deadline of a request with its pauses and its extension; a running pause counts until ``now``."""
    first = first_deadline(regime, received_at, personal, now=now)
    confirm = _business_days_after(received_at, _CONFIRMATION_DAYS) if regime == "ccpa" else None
    extension = personal.extension
    return Deadline(due_at=first if extension is None else extension.until, confirm_by=confirm)


def first_deadline(
    regime: Regime, received_at: datetime, personal: PersonalData, *, now: datetime
) -> datetime | None:
    """Return the deadline without an extension: the end of a day in UTC."""
    if regime == "none":
        return None
    if regime == "ccpa":
        return _end_of(received_at.astimezone(UTC).date() + timedelta(days=_CCPA_DAYS))
    if regime == "gdpr":
        return _end_of(add_months(received_at.astimezone(UTC).date(), 1))
    verified = personal.verification
    begin = received_at if verified is None else max(received_at, verified.at)
    return _end_of(add_months(begin.astimezone(UTC).date(), 1) + _paused(personal.pauses, begin, now))


def check_extension(
    regime: Regime, received_at: datetime, personal: PersonalData, extension: Extension, *, now: datetime
) -> None:
    """Raise Refused ``too_late`` if the person was told after the first deadline, Invalid for a time too far."""
    first = first_deadline(regime, received_at, personal, now=now)
    if first is None:
        raise Invalid("A request of the regime none has no deadline to extend.", field="until")
    if extension.told_at > now:
        raise Invalid("told_at must not be in the future: tell the person first.", field="told_at")
    if extension.told_at < received_at:
        raise Invalid("told_at must not be before the request was received.", field="told_at")
    if extension.told_at >= first:
        text = f"The person was told after the first deadline, {write_rfc3339(first)}: it cannot be extended."
        raise Refused(text, reasons=("too_late",))
    if regime == "ccpa":
        latest = first + timedelta(days=_CCPA_DAYS)
    else:
        last_day = (first - timedelta(days=1)).date()
        latest = _end_of(add_months(last_day, _EXTENSION_MONTHS))
    if not first < extension.until <= latest:
        text = f"until must be after {write_rfc3339(first)} and not after {write_rfc3339(latest)}."
        raise Invalid(text, field="until")


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=UTC)


def _paused(pauses: Sequence[Pause], begin: datetime, now: datetime) -> timedelta:
    """Return the pauses after ``begin``, rounded up to days; time in two pauses counts once."""
    total, counted = timedelta(), begin
    for pause in sorted(pauses, key=lambda one: one.since):
        since, until = max(pause.since, counted), pause.until or now
        if until > since:
            total += until - since
            counted = until
    return timedelta(days=-(-total // timedelta(days=1)))


def _business_days_after(received_at: datetime, days: int) -> datetime:
    day = received_at.astimezone(UTC).date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return _end_of(day)
