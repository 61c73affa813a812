"""The default texts of notices, read from data: one TOML file for each language, in words of our own.

A file has the tables ``caller``, ``callee`` and ``agent``, each with one text for every mode; the table
``refusal`` with words for every mode that say how to refuse; and ``retention``, a sentence. Another
language is another file. A text says that the call is recorded, and not that it may be.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vault.domain.consent.consent_event import Keys, Party
from vault.domain.notices.language import base_language, language_tag
from vault.domain.notices.notice import (
    AUDIENCES,
    ELEMENTS,
    NOTICE_MODES,
    PLACEHOLDER,
    NoticeMode,
    NoticeRequest,
)
from vault.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultTexts:
    """The texts of one language, with places to be filled in."""

    language: str
    texts: Mapping[tuple[Party, NoticeMode], str]
    #: How to refuse, for each mode.
    refusals: Mapping[NoticeMode, str]
    #: The sentence about how long the recording is kept.
    retention: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTexts:
    """The default texts of every language that there is a file for."""

    languages: Mapping[str, DefaultTexts]

    def fill(self, wish: NoticeRequest, keys: Keys) -> NoticeRequest:
        """Return the wish with the default text of its language, audience and mode.

        Where the text says how to refuse and the wish does not, the default words are taken. What else is
        missing stays visible as a placeholder. Raises Invalid where there is no text in the language.
        """
        known = self.languages.get(wish.language) or self.languages.get(base_language(wish.language))
        if known is None:
            there = ", ".join(sorted(self.languages))
            message = f"There are default texts in {there}; in another language the text must be sent."
            raise Invalid(message, field="text")
        template = known.texts[wish.audience, wish.mode]
        keyed = {"accept": keys.accept, "decline": keys.decline}
        if "{refusal}" in template and not wish.refusal:
            wish = replace(wish, refusal=_filled(known.refusals[wish.mode], keyed))
        elements = {field: said for field in ELEMENTS if (said := getattr(wish, field))}
        kept = _filled(known.retention, elements) if wish.retention else ""
        text = _filled(template, keyed | elements | {"kept": kept})
        return replace(wish, text=" ".join(text.split()))


def parse_default_texts(source: str) -> DefaultTexts:
    """Read a file. Raises KeyError, ValueError or Invalid where a text is missing, wrong, or one too many."""
    said: dict[str, Any] = tomllib.loads(source)
    texts = {(audience, mode): _text(said[audience][mode]) for audience in AUDIENCES for mode in NOTICE_MODES}
    refusals = {mode: _text(said["refusal"][mode]) for mode in NOTICE_MODES}
    expected = {"language", "retention", "refusal", *AUDIENCES}
    if set(said) != expected or any(
        len(said[table]) != len(NOTICE_MODES) for table in ("refusal", *AUDIENCES)
    ):
        raise ValueError("The file has a table or a mode that is not known.")
    return DefaultTexts(
        language=language_tag(_text(said["language"])),
        texts=texts,
        refusals=refusals,
        retention=_text(said["retention"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("A text is a string that is not empty.")
    return value


def _filled(template: str, said: Mapping[str, str]) -> str:
    """Fill in what was said, in one pass: what is filled in is never searched for placeholders."""
    return PLACEHOLDER.sub(lambda place: said.get(place[1], place[0]), template)
