"""Periods of ISO 8601 in years, months, weeks and days, the moments when they end, and the period that a notice tells.

A period ends on the day with the same number, or on the month's last day (Regulation 1182/71, article 3(2)(c)), by the
calendar of the account's time zone. A minimum ends at the end of that day, a maximum at its beginning.

What a notice tells its callers is read from the sentence that a person wrote: ``six months``, ``90 jours``. Only a
number, or a word for one up to twelve, before a unit is read, in the languages below. What cannot be read limits
nothing. A notice has a field of its own, ``retention``, for such sentences; of a text that has none, only the sentences
about keeping or deleting are read, so that opening hours (``seven days a week``) erase nothing.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from vault.errors import Invalid
from vault.sentence import Sentence

_ISO: Final = re.compile(r"P(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,4})W)?(?:(\d{1,5})D)?", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_MAX_YEARS: Final = 100
_MONTHS: Final = 12
_DAYS_PER_WEEK: Final = 7
#: Which end of the last day counts: ``last`` for minima and periods, ``first`` for maxima.
Rounding = Literal["first", "last"]
_NUMBERS: Final = {
    word: number
    for number, words in enumerate(
        (
            "one a an un une ein eine einen einem uno una um uma een",
            "two deux zwei dos due dois duas twee",
            "three trois drei tres tre três drie",
            "four quatre vier cuatro quattro quatro",
            "five cinq fünf cinco cinque vijf",
            "six sechs seis sei zes",
            "seven sept sieben siete sette sete zeven",
            "eight huit acht ocho otto oito",
            "nine neuf neun nueve nove negen",
            "ten dix zehn diez dieci dez tien",
            "eleven onze elf once undici",
            "twelve douze zwölf doce dodici doze twaalf",
        ),
        start=1,
    )
    for word in words.split()
}


@dataclass(frozen=True, slots=True)
class Period:
    """A period of calendar months and days; years are twelve months, weeks seven days."""

    months: int
    days: int

    def __str__(self) -> str:
        """Return it as ISO 8601, such as ``P1Y6M``."""
        years, months = divmod(self.months, _MONTHS)
        parts = ((years, "Y"), (months, "M"), (self.days, "D"))
        return "P" + "".join(f"{number}{unit}" for number, unit in parts if number)

    @property
    def fewest_days(self) -> int:
        """Return the fewest days that it can have."""
        return _lengths(self.months)[0] + self.days

    @property
    def most_days(self) -> int:
        """Return the most days that it can have."""
        return _lengths(self.months)[1] + self.days

    def may_exceed(self, other: "Period") -> bool:
        """Return whether it is longer than ``other`` from any day: P30D is longer than P1M from 1 February."""
        if self.months <= other.months and self.days <= other.days:
            return False
        if self.months >= other.months and self.days >= other.days:
            return True
        return self.most_days > other.fewest_days


def parse_period(text: str, *, field: str = "period") -> Period:
    """Parse a period. Raises Invalid for anything else, such as a number of days or a time."""
    match = _ISO.fullmatch(text)
    years, months, weeks, days = (int(part or 0) for part in match.groups()) if match else (0, 0, 0, 0)
    if match is None or not (years or months or weeks or days):
        form = Sentence(
            "%(field)s must be an ISO 8601 period in years, months, weeks or days: P7Y, P6M, P4W or P90D. "
            "A number of days alone is not one; write 90 days as P90D.",
            field=field,
        )
        raise Invalid(form, field=field)
    period = Period(years * _MONTHS + months, weeks * _DAYS_PER_WEEK + days)
    # Without the first comparison a period of some thousand years would leave the calendar.
    if period.months > _MAX_YEARS * _MONTHS or period.most_days > _MAX_YEARS * 366:
        longest = Sentence("%(field)s must be at most %(number)s years.", field=field, number=_MAX_YEARS)
        raise Invalid(longest, field=field)
    return period


def parse_zone(name: str) -> ZoneInfo:
    """Return an IANA time zone. Raises Invalid for an unknown one."""
    try:
        # Checked first, because the name becomes the path of a file.
        return ZoneInfo(name if _ZONE.fullmatch(name) else "")
    except (ValueError, OSError, KeyError) as error:
        raise Invalid(
            "time_zone must be a name from the IANA time zone database, such as Europe/Paris or UTC.",
            field="time_zone",
        ) from error


def end_of(period: Period, since: datetime, zone: tzinfo, rounding: Rounding) -> datetime:
    """Return when a period that began at ``since`` ends, in UTC; rounded outwards to a midnight of ``zone``.

    7 years from 29 February 2024 end on 28 February 2031: ``first`` is its first moment, ``last`` that of 1 March.
    """
    start = since.astimezone(zone).date()
    last_day = add_months(start, period.months) + timedelta(days=period.days)
    midnight = last_day + timedelta(days=1) if rounding == "last" else last_day
    # Where the clock goes back at midnight, midnight occurs twice: a minimum takes the later one.
    local = datetime(
        midnight.year, midnight.month, midnight.day, tzinfo=zone, fold=1 if rounding == "last" else 0
    )
    # A midnight that the zone skips is read with the offset before the gap, which is the moment of the change.
    return local.replace(fold=0).astimezone(UTC) if _is_skipped(local) else local.astimezone(UTC)


def _is_skipped(local: datetime) -> bool:
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None)


def add_months(start: date, months: int) -> date:
    """Return the day of the same number ``months`` later, or the last day of a shorter month."""
    years, month = divmod(start.month - 1 + months, _MONTHS)
    year, month = start.year + years, month + 1
    return date(year, month, min(start.day, calendar.monthrange(year, month)[1]))


@lru_cache(maxsize=_MAX_YEARS * _MONTHS + 1)
def _lengths(months: int) -> tuple[int, int]:
    """Return the fewest and the most days of so many months.

    Counted from each month of eight years, four of them without a leap day. Kept, because a policy of fifty classes
    compares 2500 pairs.
    """
    starts = [
        date(year, month, 1) for year in (*range(2096, 2104), *range(2001, 2005)) for month in range(1, 13)
    ]
    days = [(add_months(start, months) - start).days for start in starts]
    return min(days), max(days)


_UNITS: Final = {
    unit: period
    for units, period in (
        ("day days jour jours tag tage tagen día días giorno giorni dia dias dag dagen", Period(0, 1)),
        (
            "week weeks semaine semaines woche wochen semana semanas settimana settimane weken",
            Period(0, 7),
        ),
        (
            "month months mois monat monate monaten mes meses mese mesi mês maand maanden",
            Period(1, 0),
        ),
        ("year years an ans année années jahr jahre jahren año años anno anni ano anos jaar", Period(12, 0)),
    )
    for unit in units.split()
}
_PHRASE: Final = re.compile(
    rf"\b(\d{{1,4}}|{'|'.join(_NUMBERS)})[\s\u00a0-]({'|'.join(_UNITS)})\b", re.IGNORECASE
)


#: Beginnings of words about keeping and deleting.
_KEEPING: Final = re.compile(
    r"\b(?:"
    "keep|kept|stored|storage|retain|retention|delet|eras|"
    "conserv|gard|effac|supprim|"
    "aufbewahr|bewahr|gespeichert|speicher|gelöscht|lösch|"
    "guard|manten|almacen|borr|elimin|suprim|"
    "cancell|apag|armazen|"
    "bewaar|bewaren|opgesla|verwijder|gewist"
    ")",
    re.IGNORECASE,
)
_SENTENCE_END: Final = re.compile(r"[.!?;\n](?:\s|$)")


def notice_period(retention: str, text: str) -> Period | None:
    """Return the period that a notice tells: the first one of its field, or else the only one of its text.

    Of the text, sentences about keeping or deleting count. None if there is none that can be read, or several.
    """
    if retention:
        return next(iter(_periods(retention)), None)
    about = [one for one in _SENTENCE_END.split(text) if _KEEPING.search(one)]
    periods = {period for sentence in about for period in _periods(sentence)}
    return periods.pop() if len(periods) == 1 else None


def _periods(sentence: str) -> list[Period]:
    """Return the periods that a sentence names, in its order."""
    periods = []
    for word, unit_word in _PHRASE.findall(sentence):
        unit = _UNITS[unit_word.lower()]
        number = int(word) if word.isdigit() else _NUMBERS[word.lower()]
        if number:
            periods.append(Period(unit.months * number, unit.days * number))
    return periods
