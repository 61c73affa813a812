"""Words for what the console's pages print: periods, times that are left, and moments that a form takes."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from vault.domain.recordings.recording import State
from vault.domain.requests.decision import Code
from vault.domain.requests.request import RequestState
from vault.domain.retention.judge import Ground
from vault.domain.retention.period import Period
from vault.web.http.languages import LANGUAGES
from vault.web.http.translations import gettext, in_language, ngettext, translatable, translated
from vault.web.schemas.retention.recording_retention import PolicyPreviewOut

#: States of a recording.
RECORDING_STATES: Final[Mapping[State, str]] = translatable(
    {
        State.RECEIVED: "waiting",
        State.TRANSFERRING: "being fetched",
        State.RETRY_WAIT: "waiting for a retry",
        State.STORED: "being checked",
        State.QUARANTINED: "quarantined",
        State.AVAILABLE: "available",
        State.REFUSED: "refused",
        State.FAILED: "failed",
        State.ERASING: "being erased",
        State.ERASED: "erased",
    }
)
#: States of a person's request.
REQUEST_STATES: Final[Mapping[RequestState, str]] = translatable(
    {
        RequestState.AWAITING_IDENTITY: "waits for proof of identity",
        RequestState.REVIEW: "to be decided",
        RequestState.EXECUTING: "being carried out",
        RequestState.FULFILLED: "fulfilled",
        RequestState.PARTLY_FULFILLED: "partly fulfilled",
        RequestState.WAITS_FOR_HOLD: "waits until the hold ends",
        RequestState.DENIED: "denied",
        RequestState.WITHDRAWN: "withdrawn",
    }
)
#: Decisions on a request of a person.
CODE_WORDS: Final[Mapping[Code, str]] = translatable(
    {
        "erased": "erase",
        "restricted": "restrict",
        "provided": "provide the person's own channel",
        "provided_whole": "provide the whole recording",
        "noted": "note it",
        "waits_for_hold": "erase: waits until the hold ends",
        "pending_hold": "keep: a hold covers it",
        "kept_legal_obligation": "keep: a law requires it",
        "kept_claims": "keep: needed for legal claims",
        "kept_expression": "keep: freedom of expression",
        "kept_grounds": "keep: compelling grounds",
        "third_party": "refuse: rights of others",
        "no_match": "nothing matches",
        "not_yours": "refuse: it is not this person's",
        "not_verified": "refuse: identity not proven",
        "unfounded": "refuse: manifestly unfounded",
        "excessive": "refuse: excessive",
        "no_right": "refuse: no such right here",
        "not_provided": "could not be provided",
    }
)
#: Why a recording is erased before a minimum ends.
GROUND_WORDS: Final[Mapping[Ground, str]] = translatable(
    {
        "unlawful_recording": "nobody was allowed to make the recording",
        "sad_found": "it has the code of a payment card",
    }
)
#: Outcomes of a preview with their words for a number, the gravest first. Other languages have two forms.
_OUTCOMES: Final[Mapping[str, Callable[[int], str]]] = {
    "due_now": lambda number: ngettext("erased by the first run", "erased by the first run", number),
    "review": lambda number: ngettext("to be reviewed now", "to be reviewed now", number),
    "due_30d": lambda number: ngettext("due within 30 days", "due within 30 days", number),
    "later": lambda number: ngettext("due later", "due later", number),
    "undated": lambda number: ngettext("never due", "never due", number),
    "held": lambda number: ngettext("kept by a hold", "kept by a hold", number),
    "below_minimum": lambda number: ngettext("kept by a minimum", "kept by a minimum", number),
    "conflict": lambda number: ngettext("in conflict", "in conflict", number),
    "told_otherwise": lambda number: ngettext(
        "kept shorter, as a notice told", "kept shorter, as a notice told", number
    ),
}
_MONTHS: Final = 12
#: What a unit of a period may be called where somebody types one, by its letter in ISO 8601.
_UNITS: Final = translatable({"Y": "year years", "M": "month months", "W": "week weeks", "D": "day days"})
_WORDS = re.compile(r"([0-9]{1,5}) ?([^\W\d_]{1,12})")
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?", re.ASCII)
_DAY = timedelta(days=1)


def period_words(period: Period | None) -> str:
    """Return a period such as "1 year and 6 months"; "none" for None."""
    if period is None:
        return gettext("none")
    years, months = divmod(period.months, _MONTHS)
    words = [
        ngettext("%(num)s year", "%(num)s years", years) if years else "",
        ngettext("%(num)s month", "%(num)s months", months) if months else "",
        _days(period.days) if period.days else "",
    ]
    first, *others = [one for one in words if one]
    for one in others:
        first = gettext("%(first)s and %(second)s", first=first, second=one)
    return first


def period_value(period: Period | None) -> str:
    """Return a period as the field of a form shows it: in words if they can be read back, else as ISO 8601."""
    words = "" if period is None else period_words(period)
    return words if period_text(words) != words else str(period or "")


def period_text(typed: str) -> str:
    """Return what was typed as ISO 8601 if it is like "6 months", in any language of the pages; else as it is."""
    found = _WORDS.fullmatch(typed)
    letter = None if found is None else _letters().get(found[2].lower())
    return typed if found is None or letter is None else f"P{int(found[1])}{letter}"


@cache
def _letters() -> dict[str, str]:
    """Return the letter of each unit by its words in all languages."""
    letters: dict[str, str] = {}
    for language in LANGUAGES:
        with in_language(language):
            letters |= {
                word: letter for letter, words in _UNITS.items() for word in translated(words).split()
            }
    return letters


def _days(number: int) -> str:
    return ngettext("%(num)s day", "%(num)s days", number)


def days_left(until: datetime, now: datetime) -> str:
    """Return how long it is until a moment, or how long it is past, in days; in hours below one day."""
    left = abs(until - now)
    hours = int(left.total_seconds() // 3600)
    length = _days(left // _DAY) if left >= _DAY else ngettext("%(num)s hour", "%(num)s hours", hours)
    if until >= now:
        return gettext("%(length)s left", length=length)
    return gettext("%(length)s late", length=length)


def whole_number(typed: str, *, digits: int) -> int | None:
    """Return a number of at most so many digits, without a sign; None for any other text."""
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= digits else None


def number_or_typed(typed: str, *, digits: int) -> int | str:
    """Return a number; what is none stays as it was typed, so that the body refuses it under the field's name."""
    number = whole_number(typed, digits=digits)
    return typed if number is None else number


def moment_text(typed: str) -> str | None:
    """Return what a field of the kind ``datetime-local`` holds as RFC 3339 in UTC; None for an empty one."""
    if not typed:
        return None
    return f"{typed}Z" if _LOCAL.fullmatch(typed) else typed


def moment_value(moment: datetime | None) -> str:
    """Return a moment as a field of the kind ``datetime-local`` takes it."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M")


def preview_counts(preview: PolicyPreviewOut) -> Sequence[tuple[str, int, bool]]:
    """Return what a policy would do, the gravest first: words, a number, and whether it erases."""
    return [
        (words(number), number, name == "due_now")
        for name, words in _OUTCOMES.items()
        for number in (getattr(preview, name),)
    ]
