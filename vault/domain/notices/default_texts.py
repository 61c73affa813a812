"""The default texts of notices, read from one TOML file per language.

A file has the tables ``caller``, ``callee`` and ``agent``, each with one text per mode; the table ``refusal``
with the words per mode for how to refuse; and the sentence ``retention``. A text states that the call is
recorded, and not that it may be.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vault.domain.consent.consent_event import Keys, Party
from vault.domain.notices.notice import (
    AUDIENCES,
    ELEMENTS,
    MAX_TEXT,
    NOTICE_MODES,
    PLACEHOLDER,
    NoticeMode,
    NoticeRequest,
    base_language,
    language_tag,
)
from vault.errors import Invalid
from vault.sentence import Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultTexts:
    """The texts of one language, with placeholders."""

    language: str
    texts: Mapping[tuple[Party, NoticeMode], str]
    #: How to refuse, by mode.
    refusals: Mapping[NoticeMode, str]
    #: The sentence about the retention period.
    retention: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTexts:
    """The default texts by language."""

    languages: Mapping[str, DefaultTexts]

    def complete(self, wish: NoticeRequest, keys: Keys) -> NoticeRequest:
        """Return the request with its text: the default one if it has none, else with its placeholders filled.

        A placeholder stays only while the request does not have its words. Raises Invalid for a text that is too long.
        """
        if not wish.text:
            return self.fill(wish, keys)
        text = _filled(wish.text, {field: value for field in ELEMENTS if (value := getattr(wish, field))})
        if len(text) > MAX_TEXT:
            raise Invalid(
                Sentence(
                    "The text has more than %(number)s characters once its placeholders are filled in.",
                    number=MAX_TEXT,
                ),
                field="text",
            )
        return replace(wish, text=text)

    def fill(self, wish: NoticeRequest, keys: Keys) -> NoticeRequest:
        """Return the request with the default text of its language, audience and mode.

        If the text has ``{refusal}`` and the request does not, the default words are used. Other missing
        elements stay visible as placeholders. Raises Invalid where the language has no default text.
        """
        defaults = self.languages.get(wish.language) or self.languages.get(base_language(wish.language))
        if defaults is None:
            languages = ", ".join(sorted(self.languages))
            message = Sentence(
                "Default texts exist in %(languages)s. In another language, text is required.",
                languages=languages,
            )
            raise Invalid(message, field="text")
        template = defaults.texts[wish.audience, wish.mode]
        keyed = {"accept": keys.accept, "decline": keys.decline}
        if "{refusal}" in template and not wish.refusal:
            wish = replace(wish, refusal=_filled(defaults.refusals[wish.mode], keyed))
        elements = {field: value for field in ELEMENTS if (value := getattr(wish, field))}
        retention = _filled(defaults.retention, elements) if wish.retention else ""
        text = _filled(template, keyed | elements | {"kept": retention})
        return replace(wish, text=" ".join(text.split()))


def parse_default_texts(source: str) -> DefaultTexts:
    """Parse a file. Raises KeyError, ValueError or Invalid for a missing, wrong or unknown text."""
    data: dict[str, Any] = tomllib.loads(source)
    texts = {(audience, mode): _text(data[audience][mode]) for audience in AUDIENCES for mode in NOTICE_MODES}
    refusals = {mode: _text(data["refusal"][mode]) for mode in NOTICE_MODES}
    expected = {"language", "retention", "refusal", *AUDIENCES}
    if set(data) != expected or any(
        len(data[table]) != len(NOTICE_MODES) for table in ("refusal", *AUDIENCES)
    ):
        raise ValueError("The file has an unknown table or mode.")
    return DefaultTexts(
        language=language_tag(_text(data["language"])),
        texts=texts,
        refusals=refusals,
        retention=_text(data["retention"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("A text must be a non-empty string.")
    return value


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders in one pass: placeholders inside the values are not replaced."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)
