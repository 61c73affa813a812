"""The filters that identity providers send: equality of single attributes, joined by ``and`` (RFC 7644, 3.4.2.2).

Everything else is refused: a filter that is half understood finds the wrong person.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from vault.domain.sign_in.scim.refusals import ScimInvalid

#: Maximum characters of a filter, and of its conditions.
MAX_FILTER: Final = 1024
_MAX_CONDITIONS: Final = 4
#: One condition. Each part ends where the next cannot begin, and has a longest length, so that time is linear.
_CONDITION: Final = re.compile(
    r"\s{0,8}([A-Za-z$][A-Za-z0-9_:.$-]{0,127})\s{1,8}([A-Za-z]{1,8})\s{1,8}"
    r'("(?:[^"\\]|\\.){0,1000}"|true|false)\s{0,8}',
    re.IGNORECASE,
)
_AND: Final = re.compile(r"and\s", re.IGNORECASE)
_HELP: Final = 'Only eq and and are understood, such as userName eq "ada@acme.example" and active eq true.'


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An attribute, in lower case and without its schema, that equals a value."""

    attribute: str
    value: str | bool = ""


def parse_filter(text: str, attributes: Collection[str], urn: str = "") -> tuple[Condition, ...]:
    """Return the conditions of a filter. Raises ScimInvalid, ``invalidFilter``.

    ``attributes``: those that may be asked for, in lower case; ``urn``: the schema that may stand before them.
    """
    if len(text) > MAX_FILTER:
        raise ScimInvalid("invalidFilter", f"filter has at most {MAX_FILTER} characters.")
    found: list[Condition] = []
    at = 0
    while True:
        match = _CONDITION.match(text, at)
        if match is None or match[2].lower() != "eq" or len(found) == _MAX_CONDITIONS:
            raise ScimInvalid("invalidFilter", _HELP)
        found.append(_condition(match[1], match[3], attributes, urn))
        at = match.end()
        if at == len(text):
            return tuple(found)
        joined = _AND.match(text, at)
        if joined is None or not text[at - 1].isspace():
            raise ScimInvalid("invalidFilter", _HELP)
        at = joined.end()


def _condition(name: str, written: str, attributes: Collection[str], urn: str) -> Condition:
    lower = name.lower().removeprefix(f"{urn.lower()}:") if urn else name.lower()
    if lower not in attributes:
        known = ", ".join(sorted(attributes))
        raise ScimInvalid("invalidFilter", f"filter can ask for these attributes alone: {known}.")
    if not written.startswith('"'):
        return Condition(attribute=lower, value=written.lower() == "true")
    try:
        return Condition(attribute=lower, value=str(json.loads(written)))
    except ValueError:
        raise ScimInvalid("invalidFilter", "The value in filter is not a JSON text.") from None
