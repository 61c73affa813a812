"""The form of a retention policy: its fields from a policy, and the body that REST takes from its fields.

Fields are named by their place in the body, such as ``classes.0.match.agent``, as REST names a wrong one. A class and a
decision that were left empty are none, so that the form can offer more of them than there are.
"""

from collections.abc import Mapping
from typing import Any, Final

from vault.domain.retention.policy import MAX_CLASSES, RetentionClass, RetentionPolicy
from vault.errors import Conflicting
from vault.web.console.words import period_text, period_value, whole_number

#: Fields of a class that may be left empty, and those that always have a value.
_OPTIONAL: Final = ("period", "minimum", "minimum_ground", "maximum", "statute")
_MATCH: Final = ("direction", "agent", "place")
_PERIODS: Final = frozenset({"period", "minimum", "maximum"})
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
    days = values.get("waiting_days", "")
    return {
        "classes": [_class_body(values, place) for place in _places(values, "classes", ("class", "purpose"))],
        "decisions": [
            {name: values.get(f"decisions.{place}.{name}", "") for name in _DECISION}
            for place in _places(values, "decisions", ("reason", "applies"))
        ],
        "time_zone": values.get("time_zone", ""),
        # What is no number is refused by the body, under the field's name.
        "waiting_days": days if (number := whole_number(days, digits=3)) is None else number,
        "told_reason": values.get("told_reason") or None,
        "object_lock": values.get("object_lock", "off"),
    }


def compact(values: Mapping[str, str]) -> dict[str, str]:
    """Return the fields with classes and decisions numbered as in the body, so that a wrong one is found."""
    kept = {name: text for name, text in values.items() if not name.startswith(("classes.", "decisions."))}
    for group, needed in (("classes", ("class", "purpose")), ("decisions", ("reason", "applies"))):
        for new, old in enumerate(_places(values, group, needed)):
            head = f"{group}.{old}."
            kept |= {
                f"{group}.{new}.{name.removeprefix(head)}": text
                for name, text in values.items()
                if name.startswith(head)
            }
    return kept


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
    parts = (name.split(".") for name in values if name.startswith(f"{group}."))
    numbers = (whole_number(part[1], digits=3) for part in parts)
    found = {number for number in numbers if number is not None}
    # One more than allowed, so that the service refuses it and says why.
    return sorted(found)[: MAX_CLASSES * MAX_CLASSES + 1]


def _places(values: Mapping[str, str], group: str, needed: tuple[str, ...]) -> list[int]:
    """Return the places at which something was filled in."""
    return [
        place
        for place in _all_places(values, group)
        if any(values.get(f"{group}.{place}.{name}") for name in (*needed, "period", "minimum", "maximum"))
    ]


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
