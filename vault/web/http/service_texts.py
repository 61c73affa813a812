"""Texts of services, which are English in REST, in the language of a page.

The catalogue has it as whole sentences, or with holes: ``Opened by %(listener)s``. A hole takes any text, which stays
as it is: names, numbers, moments. One of ``_WORDS`` takes words of ours, which are translated too. What the catalogue
does not have stays English, and pages mark it with ``lang="en"``.

An error is a ``Sentence``, which keeps apart what fills its holes. What the vault stores and shows later, such as why a
recording was refused, is a text alone: it is read back by the patterns.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from vault.sentence import Sentence
from vault.web.http.languages import DEFAULT
from vault.web.http.translations import (
    catalogue,
    current_language,
    is_right_to_left,
    isolated,
    keys_of,
    translated,
)

_HOLE: Final = re.compile(r"%\((\w+)\)s")
#: Holes that words of ours fill: without these words in the catalogue, the sentence stays English.
_WORDS: Final = frozenset({"why", "state", "party", "answer", "method", "asked", "kind"})
#: Holes that spans of time or "a part" fill.
_PARTS: Final = frozenset({"part", "granted"})
#: Holes that moments of RFC 3339 fill.
_MOMENTS: Final = frozenset({"moment", "last_moment"})
#: Files of the catalogue with sentences that are not kept apart from what fills them.
_STORED: Final = ("history", "reasons", "rules")
#: What stands for a listener without a name.
_NOBODY: Final = "somebody"
#: Words within words within a sentence.
_MAX_DEPTH: Final = 3


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A sentence with holes: its key in the catalogue, the texts around its holes, and their names."""

    key: str
    texts: tuple[str, ...]
    holes: tuple[str, ...]

    def read(self, filled: str) -> dict[str, str] | None:
        """Return the texts in the holes of a sentence; None for another sentence. Each text is looked up once.

        A span ends at the first text that can follow it. Any other hole takes as much as it can, from the left: so a
        name may contain what follows it.
        """
        head, *inner, tail = self.texts
        start, end = len(head), len(filled) - len(tail)
        if not (filled.startswith(head) and filled.endswith(tail) and start < end):
            return None
        found: dict[str, str] = {}
        first = 0
        while first < len(inner) and self.holes[first] in _PARTS:
            place = filled.find(inner[first], start + 1, end)
            found[self.holes[first]] = filled[start:place]
            start = place + len(inner[first])
            if place < 0:
                return None
            first += 1
        for text, hole in zip(reversed(inner[first:]), reversed(self.holes), strict=False):
            place = filled.rfind(text, start + 1, end - 1)
            if place < 0:
                return None
            found[hole] = filled[place + len(text) : end]
            end = place
        found[self.holes[first]] = filled[start:end]
        return found if all(found.values()) else None


def of_service(text: str, depth: int = _MAX_DEPTH) -> str | None:
    """Return what a service says in the language of the page; None if the catalogue does not have it."""
    language = current_language()
    if isinstance(text, Sentence):
        text = _with_moments(text)
    if language == DEFAULT and not is_right_to_left(text):
        return text
    if isinstance(text, Sentence) and text.template in catalogue(language):
        return _filled(text, depth)
    if text in catalogue(language):
        return translated(text)
    # The words of English need no catalogue, but what fills them may be a name in another direction.
    return _by_pattern(text, depth) or (text if language == DEFAULT else None)


def _by_pattern(text: str, depth: int) -> str | None:
    """Return a text that is a sentence with holes of the catalogue, or two of its texts; else None."""
    if depth == 0:
        return None
    for pattern in _candidates(text):
        found = pattern.read(text)
        values = None if found is None else _values(found, depth - 1)
        if values is not None:
            return translated(pattern.key) % values
    return _with_reason(text, depth - 1)


def _with_moments(sentence: Sentence) -> Sentence:
    """Return a sentence whose moments are as pages write them."""
    # As ``write_rfc3339`` has them: in UTC, ``2026-02-28T20:00:00.000Z``.
    shown = {
        name: f"{text[:10]} {text[11:16]} UTC" for name, text in sentence.values.items() if name in _MOMENTS
    }
    return Sentence(sentence.template, **{**sentence.values, **shown}) if shown else sentence


def _filled(sentence: Sentence, depth: int) -> str | None:
    values = _values(sentence.values, depth)
    return None if values is None else translated(sentence.template) % values


@pass_context
def marked_of_service(_: Context, text: str) -> str:
    """Return what a service says, marked as English where the catalogue does not have it: a filter of templates."""
    # With a context, jinja2 does not compute it when it compiles the template.
    found = of_service(text)
    return Markup('<span lang="en">{}</span>').format(text) if found is None else found


def _values(found: Mapping[str, str], depth: int) -> dict[str, str] | None:
    """Return what fills the holes; None if words of ours are not in the catalogue."""
    values = {name: _value(name, value, depth) for name, value in found.items()}
    known = {name: value for name, value in values.items() if value is not None}
    return known if len(known) == len(values) else None


def _value(name: str, value: str, depth: int) -> str | None:
    if name in _WORDS:
        return of_service(value, depth)
    if name in _PARTS:
        # Spans are numbers, with "and" between them.
        return of_service(value, depth) or value.replace(" and ", ", ")
    if name == "country" or value == _NOBODY:
        return translated(value)
    return isolated(value)


def _with_reason(text: str, depth: int) -> str | None:
    """Return a sentence such as ``Refused: an admin refused it``, whose parts the catalogue has; else None."""
    for what, parted, why in (text.partition(": "), text.rpartition(": ")):
        if parted and (head := of_service(what, depth)) and (reason := _reason(why, depth)):
            colon = "\u00a0: " if current_language() == "fr" else ": "
            return f"{head}{colon}{reason}"
    return None


def _reason(why: str, depth: int) -> str | None:
    """Return a reason, which is a whole sentence somewhere else, as it stands after a colon."""
    if (found := of_service(why, depth)) is not None:
        return found
    found = of_service(f"{why[:1].upper()}{why[1:]}.", depth)
    if found is None:
        return None
    # German writes a sentence after a colon as any other.
    first = found[:1] if current_language() == "de" else found[:1].lower()
    return f"{first}{found[1:].removesuffix('.')}"


def _candidates(text: str) -> Iterator[_Pattern]:
    known = patterns()
    yield from known.get(text.partition(" ")[0], ())
    yield from known.get("", ())


@cache
def patterns() -> Mapping[str, Sequence[_Pattern]]:
    """Return the sentences with holes by their first word, "" where it is a hole; the longest ones first."""
    found: dict[str, list[_Pattern]] = {}
    keys = {key for name in _STORED for key in keys_of(name) if _HOLE.search(key)}
    for key in sorted(keys, key=lambda one: (-len(_HOLE.sub("", one)), one)):
        first = key.partition(" ")[0]
        parts = _HOLE.split(key)
        pattern = _Pattern(key, texts=tuple(parts[::2]), holes=tuple(parts[1::2]))
        found.setdefault("" if _HOLE.search(first) else first, []).append(pattern)
    return found
