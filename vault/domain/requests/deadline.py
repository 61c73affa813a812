"""Deadlines of requests: one clock for each regime, with its pauses and its extension.

Sources: GDPR article 12(3) and Regulation (EEC, Euratom) No 1182/71 article 3(2)(c): a period in months ends with the
day of the same number, or with the last day of a shorter month. UK GDPR article 12A: the period begins at the latest of
receipt, identity and fee, and the days spent waiting for the person do not count. CCPA regulations § 7021: 45 calendar
days from receipt whatever verification takes, a confirmation within 10 business days.

A day is a day where the law applies, and a law that applies in several time zones has the earliest of their ends: the
vault does not know where the account and the person are. No deadline moves to a working day. It is then never later
than the law's.

The verification, pauses and the extension move the clock. Where a deadline has passed, a later verification than the
first one, and a pause, do not move it. The first verification does under the regime uk, because the period begins with
it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from vault.domain.requests.request import (
    Extension,
    Pause,
    PauseReason,
    PersonalData,
    Regime,
    Request,
    Verification,
)
from vault.domain.retention.period import add_months
from vault.errors import Invalid, Refused
from vault.rfc3339 import write_rfc3339
from vault.sentence import Sentence

#: The day from which a request under the regime is possible.
FIRST_DAY: Final = {"gdpr": date(2018, 5, 25), "uk": date(2018, 5, 25), "ccpa": date(2020, 1, 1)}
#: Where the regime applies, a zone for each of its different clocks. GDPR: the EEA with the outermost regions of TFEU
#: article 349, from Martinique to Réunion. Those between count too: the last day can begin in one and not in the next.
ZONES: Final[Mapping[str, tuple[ZoneInfo, ...]]] = {
    regime: tuple(ZoneInfo(name) for name in names)
    for regime, names in {
        "gdpr": (
            "America/Martinique", "America/Cayenne", "Atlantic/Azores", "Atlantic/Reykjavik", "Europe/Lisbon",
            "Europe/Paris", "Europe/Athens", "Indian/Mayotte", "Indian/Reunion",
        ),
        "uk": ("Europe/London",),
        "ccpa": ("America/Los_Angeles",),
    }.items()
}  # fmt: skip
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
    # A day that is earlier everywhere is not converted to zones: the first days of the calendar cannot be.
    if first is not None and (
        received_at.date() < first - timedelta(days=1)
        or all(_day_of(received_at, zone) < first for zone in ZONES[regime])
    ):
        text = f"received_at is before the regime {regime} applied ({first}): send the regime none."
        raise Invalid(text, field="received_at")


def deadline(regime: Regime, received_at: datetime, personal: PersonalData, *, now: datetime) -> Deadline:
    """Return the deadline of a request with its pauses and its extension; a running pause counts until ``now``."""
    first = first_deadline(regime, received_at, personal, now=now)
    confirm = _confirm_by(received_at) if regime == "ccpa" else None
    extension = personal.extension
    return Deadline(due_at=first if extension is None else extension.until, confirm_by=confirm)


def first_deadline(
    regime: Regime, received_at: datetime, personal: PersonalData, *, now: datetime
) -> datetime | None:
    """Return the deadline without an extension: the earliest end of its last day in the zones of the regime."""
    if regime == "none":
        return None
    return min(_end_of(_last_day(regime, received_at, personal, now, zone), zone) for zone in ZONES[regime])


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
        text = Sentence(
            "The person was told after the first deadline, %(moment)s: it cannot be extended.",
            moment=write_rfc3339(first),
        )
        raise Refused(text, reasons=("too_late",), field="told_at")
    latest = min(
        _end_of(_extended(regime, _last_day(regime, received_at, personal, now, zone)), zone)
        for zone in ZONES[regime]
    )
    if not first < extension.until <= latest:
        text = Sentence(
            "The new deadline must be after %(moment)s and not after %(last_moment)s.",
            moment=write_rfc3339(first),
            last_moment=write_rfc3339(latest),
        )
        raise Invalid(text, field="until")


def _last_day(
    regime: Regime, received_at: datetime, personal: PersonalData, now: datetime, zone: tzinfo
) -> date:
    """Return the day in a zone with whose end the first deadline passes there."""
    if regime == "ccpa":
        return _day_of(received_at, zone) + timedelta(days=_CCPA_DAYS)
    if regime == "uk":
        return _last_day_uk(received_at, personal, now, zone)
    return add_months(_day_of(received_at, zone), 1)


def _last_day_uk(received_at: datetime, personal: PersonalData, now: datetime, zone: tzinfo) -> date:
    """Return the last day with the pauses after the begin of the period, rounded up to days.

    Time in two pauses counts once. A pause that began after the deadline, as the pauses before it had moved it, does
    not move it.
    """
    verified = personal.verification
    begin = received_at if verified is None else max(received_at, verified.at)
    last = first = add_months(_day_of(begin, zone), 1)
    total, counted = timedelta(), begin
    for pause in sorted(personal.pauses, key=lambda one: one.since):
        if pause.since >= _end_of(last, zone):
            break
        since, until = max(pause.since, counted), personal.end_of(pause) or now
        if until > since:
            total += until - since
            counted = until
            last = first + timedelta(days=-(-total // timedelta(days=1)))
    return last


def _extended(regime: Regime, last_day: date) -> date:
    if regime == "ccpa":
        return last_day + timedelta(days=_CCPA_DAYS)
    return add_months(last_day, _EXTENSION_MONTHS)


def _confirm_by(received_at: datetime) -> datetime:
    """Return the earliest end of the tenth business day in the zones of the CCPA."""
    return min(_end_of(_business_days_after(_day_of(received_at, zone)), zone) for zone in ZONES["ccpa"])


def _business_days_after(day: date) -> date:
    days = _CONFIRMATION_DAYS
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return day


def _day_of(at: datetime, zone: tzinfo) -> date:
    return at.astimezone(zone).date()


def _end_of(day: date, zone: tzinfo) -> datetime:
    """Return the midnight in the zone with which the day ends, in UTC.

    Where the clock goes back at midnight, it is the first one; where it goes forward, the moment of the change.
    """
    return datetime.combine(day + timedelta(days=1), datetime.min.time(), tzinfo=zone).astimezone(UTC)


def verified(personal: PersonalData, verification: Verification) -> PersonalData:
    """Return the data with the verification, and unchanged for one that is known.

    An earlier one corrects the known one. Raises Refused ``verified`` for a later one: the period of the UK begins
    with it.
    """
    earlier = personal.verification
    if earlier is not None and verification.at > earlier.at:
        text = "The person was verified before that: only an earlier time can correct it."
        raise Refused(text, reasons=("verified",))
    if earlier is not None and (earlier.method, earlier.at) == (verification.method, verification.at):
        return personal
    return replace(personal, verification=verification)


def paused(request: Request, personal: PersonalData, reason: PauseReason, *, now: datetime) -> PersonalData:
    """Return the data with a pause from now on. Raises Refused ``paused``, ``verified`` or ``overdue``."""
    if personal.waiting is not None:
        raise Refused("The request is paused already.", reasons=("paused",))
    if reason == "identity" and personal.verification is not None:
        raise Refused("The person is verified: nothing is waited for.", reasons=("verified",))
    due = deadline(request.regime, request.received_at, personal, now=now).due_at
    if request.regime == "uk" and due is not None and now >= due:
        raise Refused("The deadline has passed: a pause no longer moves it.", reasons=("overdue",))
    return replace(personal, pauses=(*personal.pauses, Pause(reason=reason, since=now)))


def resumed(personal: PersonalData, *, now: datetime) -> PersonalData:
    """Return the data with the end of its pause. Raises Refused ``not_paused``."""
    waiting = personal.waiting
    if waiting is None:
        raise Refused("The request is not paused.", reasons=("not_paused",))
    return replace(personal, pauses=(*personal.pauses[:-1], replace(waiting, until=now)))


def extended(
    request: Request, personal: PersonalData, extension: Extension, *, now: datetime
) -> PersonalData:
    """Return the data with a later deadline. Raises Invalid, Refused ``too_late`` or ``extended``."""
    if personal.extension is not None:
        text = "The deadline was extended already: it can be extended once."
        raise Refused(text, reasons=("extended",))
    check_extension(request.regime, request.received_at, personal, extension, now=now)
    return replace(personal, extension=extension)
