"""Reads the rule book from its TOML files; ``rule_book/FORMAT.md`` says what they may hold.

Law is data here, and data that cannot be cited is worth nothing: a row without statute, source or
confidence is refused, as is every key and value that the format does not know. So a slip of the pen
stops the process at its start, and never becomes a milder rule.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Any, get_args

from vault.domain.rules.rules import CONSENTS, Confidence, Rule, RuleBook
from vault.errors import Invalid

#: The row of places that nobody knows.
UNKNOWN = "*"
#: ISO 3166-1, with or without a part by ISO 3166-2.
PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")

#: What many write, and ISO 3166-1 only reserves.
_WRITTEN = {"UK": "GB"}
_TEXTS = frozenset({"name", "basis", "statute", "note"})
_FLAGS = frozenset(
    {
        "notice_in_recording",
        "capture_before_consent",
        "tone_accepted",
        "refusal_route",
        "agent_notice",
        "retention_spoken",
    }
)
_DAYS = frozenset({"min_retention_days", "max_retention_days"})
_LISTS = frozenset({"sources", "readings"})
_CHOICES: Mapping[str, Sequence[str]] = {"consent": CONSENTS, "confidence": get_args(Confidence)}
_KNOWN = _TEXTS | _FLAGS | _DAYS | _LISTS | _CHOICES.keys() | {"reviewed_on"}
_DEMANDED = ("name", "consent", "statute", "sources", "confidence")
#: What a row says of itself alone, and lends to none that is like it.
_OWN = frozenset({"name", "note", "reviewed_on"})


def parse(texts: Sequence[str]) -> RuleBook:
    """Return the book that the texts of its files make. Raises ValueError, which names place and key."""
    versions: set[str] = set()
    rows: dict[str, dict[str, Any]] = {}
    for text in texts:
        version, found = _file(text)
        versions.add(version)
        for place, row in found.items():
            if place in rows:
                raise ValueError(f"{place}: two files have this place.")
            rows[place] = row
    if len(versions) != 1:
        raise ValueError(f"The files are of several versions, or there are none: {sorted(versions)}.")
    if UNKNOWN not in rows:
        raise ValueError(f"There is no row {UNKNOWN} for places that nobody knows.")
    rules = {place: _rule(place, _whole(place, rows)) for place in sorted(rows)}
    unknown = rules.pop(UNKNOWN)
    return RuleBook(version=versions.pop(), rules=MappingProxyType(rules), unknown=unknown)


def read_place(written: str) -> str:
    """Return a place as the book writes it: ``us-wa`` is ``US-WA``, ``UK`` is ``GB``. Raises Invalid for none."""
    # Only ASCII is made upper-case: some letters elsewhere would become others.
    place = written.upper() if written.isascii() else ""
    if place != UNKNOWN and not PLACE.fullmatch(place):
        raise Invalid(
            f"A place is a country such as FR, a state such as US-WA, or {UNKNOWN} for the unknown.",
            field="place",
        )
    return _WRITTEN.get(place, place)


def _file(text: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the version and the rows of one file, each row with the date of its review."""
    said = tomllib.loads(text)
    version, reviewed_on = said.pop("version", None), said.pop("reviewed_on", None)
    if not isinstance(version, str) or not version:
        raise ValueError("A file of rules begins with its version, as text.")
    if type(reviewed_on) is not date:
        raise ValueError("A file of rules says when it was reviewed, as a date.")
    for place, row in said.items():
        if not isinstance(row, dict) or (place != UNKNOWN and not PLACE.fullmatch(place)):
            raise ValueError(f"{place}: this is no table of a place such as FR or US-WA.")
        row.setdefault("reviewed_on", reviewed_on)
    return version, said


def _whole(place: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row on top of the one that it is like."""
    row = rows[place]
    if "like" not in row:
        return dict(row)
    other = rows.get(row["like"]) if isinstance(row["like"], str) else None
    if other is None or "like" in other:
        raise ValueError(f"{place}: like names no place that has a row of its own.")
    lent = {key: value for key, value in other.items() if key not in _OWN}
    return lent | {key: value for key, value in row.items() if key != "like"}


def _rule(place: str, row: Mapping[str, Any]) -> Rule:
    # One after the other: what stands between keys is only looked at once each is right alone.
    problem = next(chain(_of_each_key(row), _of_the_row(row)), None)
    if problem is not None:
        raise ValueError(f"{place}: {problem}")
    lists = {key: tuple(value) for key, value in row.items() if key in _LISTS}
    return Rule(place=place, **{**row, **lists})


def _of_each_key(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a key or its value alone."""
    for key, value in row.items():
        if key not in _KNOWN:
            yield f"{key} is no key of a rule."
        elif not _fits(key, value):
            yield f"{key} is not as the format says."
    for key in _DEMANDED:
        if key not in row:
            yield f"{key} is missing."


def _fits(key: str, value: object) -> bool:
    if key in _LISTS:
        begin = "https?://." if key == "sources" else "."
        return isinstance(value, list) and all(_is_text(one) and re.match(begin, one) for one in value)
    if key in _TEXTS:
        return _is_text(value)
    if key in _CHOICES:
        return value in _CHOICES[key]
    if key in _DAYS:
        # In Python a boolean is an integer too.
        return type(value) is int and value > 0
    return type(value) is (bool if key in _FLAGS else date)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value == value.strip()


def _of_the_row(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong between the keys of a row, each of which is right alone."""
    confidence = row["confidence"]
    if not row["name"]:
        yield "name is empty."
    if not row["statute"] and confidence not in {"low", "none"}:
        yield f"statute is empty, although confidence is {confidence}."
    if not row["sources"] and confidence != "none":
        yield f"sources are empty, although confidence is {confidence}."
    readings = len(row.get("readings", ()))
    if (confidence == "contested") != (readings > 1) or readings == 1:
        yield "readings are at least two where confidence is contested, and none elsewhere."
    least, most = row.get("min_retention_days"), row.get("max_retention_days")
    if least is not None and most is not None and least > most:
        yield "min_retention_days is more than max_retention_days."
