"""The form of a retention policy: its fields from a policy, and the body that REST takes from its fields.

Fields are named by their place in the body, such as ``classes.0.match.agent``, as REST names a wrong one. A class and a
decision that were left empty are none, so that the form can offer more of them than there are.
"""

from collections.abc import Mapping
from typing import Any, Final

from vault.domain.retention.policy import MAX_CLASSES, RetentionClass, RetentionPolicy
from vault.errors import Conflicting
from vault.web.console.forms import renumbered, rows_of
from vault.web.console.words import number_or_typed, period_text, period_value

#: Fields of a class that may be left empty, and those that always have a value.
_OPTIONAL: Final = ("period", "minimum", "minimum_ground", "maximum", "statute")
_MATCH: Final = ("direction", "agent", "place")
_PERIODS: Final = frozenset({"period", "minimum", "maximum"})
#: By group: fields of which one is filled in where the row is not empty.
_NEEDED: Final = {
    "classes": ("class", "purpose", *_PERIODS),
    "decisions": ("reason", "applies"),
}
#: As many decisions as there can be pairs of classes.
_MOST: Final = MAX_CLASSES * MAX_CLASSES
_DECISION: Final = ("minimum_of", "maximum_of", "applies", "reason")


def values_of(policy: RetentionPolicy) -> dict[str, str]:
    """Return the fields of the form, as a policy fills them."""
    values = {
        "time_zone": policy.time_zone,
        "waiting_days": str(policy.waiting.days),
        "told_reason": policy.told_reason or "",
        "object_lock": policy.object_lock,
    }
    for place, kept in enumerate(policy.classes):
        values |= {f"classes.{place}.{name}": text for name, text in _class_values(kept).items()}
    for place, decision in enumerate(policy.decisions):
        values |= {f"decisions.{place}.{name}": getattr(decision, name) for name in _DECISION}
    return values


def body_of(values: Mapping[str, str]) -> dict[str, Any]:
    """Return the body that REST takes. Its classes and decisions are those that are not empty, in their order."""
    return {
        "classes": [_class_body(values, place) for place in _places(values, "classes")],
        "decisions": [
            {name: values.get(f"decisions.{place}.{name}", "") for name in _DECISION}
            for place in _places(values, "decisions")
        ],
        "time_zone": values.get("time_zone", ""),
        "waiting_days": number_or_typed(values.get("waiting_days", ""), digits=3),
        "told_reason": values.get("told_reason") or None,
        "object_lock": values.get("object_lock", "off"),
    }


def compact(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with classes and decisions numbered as in the body, so that a wrong one is found."""
    return renumbered(values, {group: _places(values, group) for group in _NEEDED})


def with_pairs(values: Mapping[str, str], error: Conflicting) -> dict[str, str]:
    """Return the fields with a decision to fill in for each pair that contradicts itself."""
    more = dict(values)
    place = count(values, "decisions")
    for minimum_of, maximum_of in error.pairs:
        more |= {
            f"decisions.{place}.minimum_of": minimum_of,
            f"decisions.{place}.maximum_of": maximum_of,
            f"decisions.{place}.applies": "",
        }
        place += 1
    return more


def count(values: Mapping[str, str], group: str) -> int:
    """Return how many classes or decisions the fields have, empty ones too."""
    return max((place + 1 for place in _all_places(values, group)), default=0)


def _all_places(values: Mapping[str, str], group: str) -> list[int]:
    return rows_of(values, group, most=_MOST)


def _places(values: Mapping[str, str], group: str) -> list[int]:
    """Return the places at which something was filled in."""
    return rows_of(values, group, _NEEDED[group], most=_MOST)


def _class_values(kept: RetentionClass) -> dict[str, str]:
    values = {"class": kept.name, "purpose": kept.purpose, "from": kept.starts, "at_end": kept.at_end}
    values |= {name: period_value(getattr(kept, name)) for name in _PERIODS}
    values |= {"minimum_ground": kept.minimum_ground or "", "statute": kept.statute or ""}
    return values | {f"match.{name}": getattr(kept.match, name) or "" for name in _MATCH}


def _class_body(values: Mapping[str, str], place: int) -> dict[str, Any]:
    def text(name: str) -> str:
        return values.get(f"classes.{place}.{name}", "")

    body: dict[str, Any] = {name: text(name) for name in ("class", "purpose")}
    body |= {name: text(name) for name in ("from", "at_end") if text(name)}
    for name in _OPTIONAL:
        if text(name):
            body[name] = period_text(text(name)) if name in _PERIODS else text(name)
    return body | {"match": {name: text(f"match.{name}") for name in _MATCH if text(f"match.{name}")}}
