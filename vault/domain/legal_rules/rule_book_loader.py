"""Reads the rule book from its TOML files; ``rule_book/FORMAT.md`` defines their format.

Rules must be citable: a row without statute, source or confidence is refused, and so is every unknown key and
value. So a typing error stops the process at its start and never becomes a milder rule.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Any, get_args

from vault.domain.legal_rules.rule import CONSENTS, Confidence, Rule, RuleBook
from vault.errors import Invalid

#: The row for unknown places.
UNKNOWN = "*"
#: ISO 3166-1 or ISO 3166-2.
PLACE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")

#: Common codes that ISO 3166-1 only reserves.
_ALIASES = {"UK": "GB"}
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
_REQUIRED = ("name", "consent", "statute", "sources", "confidence")
#: Keys that ``like`` does not copy.
_NOT_COPIED = frozenset({"name", "note", "reviewed_on"})


def parse(texts: Sequence[str]) -> RuleBook:
    """Parse the texts of all files into a rule book. Raises ValueError, which names place and key."""
    versions: set[str] = set()
    rows: dict[str, dict[str, Any]] = {}
    for text in texts:
        version, rows_of_file = _parse_file(text)
        versions.add(version)
        for place, row in rows_of_file.items():
            if place in rows:
                raise ValueError(f"{place}: two files have this place.")
            rows[place] = row
    if len(versions) != 1:
        raise ValueError(f"The files have several versions, or there are none: {sorted(versions)}.")
    if UNKNOWN not in rows:
        raise ValueError(f"The row {UNKNOWN} for unknown places is missing.")
    rules = {place: _rule(place, _resolve_like(place, rows)) for place in sorted(rows)}
    unknown = rules.pop(UNKNOWN)
    return RuleBook(version=versions.pop(), rules=MappingProxyType(rules), unknown=unknown)


def read_place(written: str) -> str:
    """Normalize a place: ``us-wa`` is ``US-WA``, ``UK`` is ``GB``. Raises Invalid if it is not a place."""
    # Only ASCII is converted to upper case: some other letters would become ASCII letters.
    place = written.upper() if written.isascii() else ""
    if place != UNKNOWN and not PLACE.fullmatch(place):
        raise Invalid(
            f"A place is a country such as FR, a state such as US-WA, or {UNKNOWN} for the unknown.",
            field="place",
        )
    return _ALIASES.get(place, place)


def _parse_file(text: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the version and the rows of one file, each row with its review date."""
    rows = tomllib.loads(text)
    version, reviewed_on = rows.pop("version", None), rows.pop("reviewed_on", None)
    if not isinstance(version, str) or not version:
        raise ValueError("A rule file must have a version, as text.")
    if type(reviewed_on) is not date:
        raise ValueError("A rule file must have reviewed_on, as a date.")
    for place, row in rows.items():
        if not isinstance(row, dict) or (place != UNKNOWN and not PLACE.fullmatch(place)):
            raise ValueError(f"{place}: this is not a table of a place such as FR or US-WA.")
        row.setdefault("reviewed_on", reviewed_on)
    return version, rows


def _resolve_like(place: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row, completed with the keys of the row that ``like`` names."""
    row = rows[place]
    if "like" not in row:
        return dict(row)
    other = rows.get(row["like"]) if isinstance(row["like"], str) else None
    if other is None or "like" in other:
        raise ValueError(f"{place}: like must name a place whose row has no like itself.")
    copied = {key: value for key, value in other.items() if key not in _NOT_COPIED}
    return copied | {key: value for key, value in row.items() if key != "like"}


def _rule(place: str, row: Mapping[str, Any]) -> Rule:
    # Lazily: relations between keys are only checked once each key is valid.
    problem = next(chain(_key_problems(row), _row_problems(row)), None)
    if problem is not None:
        raise ValueError(f"{place}: {problem}")
    lists = {key: tuple(value) for key, value in row.items() if key in _LISTS}
    return Rule(place=place, **{**row, **lists})


def _key_problems(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems of single keys and their values."""
    for key, value in row.items():
        if key not in _KNOWN:
            yield f"{key} is not a key of a rule."
        elif not _fits(key, value):
            yield f"{key} is not valid; see FORMAT.md."
    for key in _REQUIRED:
        if key not in row:
            yield f"{key} is missing."


def _fits(key: str, value: object) -> bool:
    if key in _LISTS:
        prefix = "https?://." if key == "sources" else "."
        return isinstance(value, list) and all(_is_text(text) and re.match(prefix, text) for text in value)
    if key in _TEXTS:
        return _is_text(value)
    if key in _CHOICES:
        return value in _CHOICES[key]
    if key in _DAYS:
        # isinstance would also accept a boolean.
        return type(value) is int and value > 0
    return type(value) is (bool if key in _FLAGS else date)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value == value.strip()


def _row_problems(row: Mapping[str, Any]) -> Iterator[str]:
    """Yield the problems between the keys of a row; each key alone is valid."""
    confidence = row["confidence"]
    if not row["name"]:
        yield "name is empty."
    if not row["statute"] and confidence not in {"low", "none"}:
        yield f"statute is empty, although confidence is {confidence}."
    if not row["sources"] and confidence != "none":
        yield f"sources are empty, although confidence is {confidence}."
    readings = len(row.get("readings", ()))
    if (confidence == "contested") != (readings > 1) or readings == 1:
        yield "readings must be at least two if confidence is contested, otherwise none."
    least, most = row.get("min_retention_days"), row.get("max_retention_days")
    if least is not None and most is not None and least > most:
        yield "min_retention_days is more than max_retention_days."
