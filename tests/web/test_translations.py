"""The console's catalogue: nothing missing, nothing unused, and the same placeholders in every language."""

import json
import re
from collections import Counter
from typing import Any, Final

import pytest

from tests.support.console_texts import TEMPLATES, of_code, of_template
from vault.web.http.languages import DEFAULT, LANGUAGES
from vault.web.http.translations import (
    OF_SERVICES,
    TEXTS,
    gettext,
    grouped,
    in_language,
    keys_of,
    ngettext,
    pgettext,
    translated,
)

OTHERS: Final = [one for one in LANGUAGES if one != DEFAULT]
_HOLES = re.compile(r"%\(\w+\)s|%%|</?\w+[^>]*>")


def used() -> dict[str, str | None]:
    """Return each key that a template or code uses, and its plural."""
    return dict([*(one for path in TEMPLATES for one in of_template(path)), *of_code()])


def entries() -> list[tuple[str, dict[str, Any]]]:
    """Return the entries of all files."""
    return [pair for path in sorted(TEXTS.glob("*.json")) for pair in json.loads(path.read_text()).items()]


def forms(entry: dict[str, Any], language: str) -> list[str]:
    """Return the forms of a language."""
    found = entry[language]
    return [found] if isinstance(found, str) else found


def test_every_text_is_translated_and_every_translation_used():
    """The keys of the catalogue are those of templates and code, each once."""
    have = [key for key, _ in entries()]
    assert [key for key, times in Counter(have).items() if times > 1] == []
    wanted = used()
    missing = sorted(set(wanted) - set(have))
    assert missing == []
    assert sorted(set(have) - set(wanted) - of_services()) == []


def of_services() -> set[str]:
    """Return what services say, and names of the rule book (tests/web/test_service_texts.py)."""
    return {key for name in OF_SERVICES for key in keys_of(name)}


def test_an_entry_has_all_languages_and_the_plural_of_the_code():
    """Each language has one form, or two where the English text has a plural; none is empty."""
    wanted = used()
    for key, entry in entries():
        plural = wanted.get(key)
        assert set(entry) == {*OTHERS, *(["plural"] if plural else [])}, key
        assert entry.get("plural") == plural, key
        for language in OTHERS:
            texts = forms(entry, language)
            assert len(texts) == (2 if plural else 1), (key, language)
            assert all(text.strip() for text in texts), (key, language)


def test_placeholders_and_markup_are_equal_in_all_languages():
    """What a sentence is filled with stands in each translation, and so does its markup; there is no other.

    What services say is printed as text, whatever stands in it, and may be said with less than all that fills it.
    """
    services = of_services()
    for key, entry in entries():
        english = key.rpartition("|")[2]
        wanted = Counter(_HOLES.findall(entry.get("plural", english)))
        for language in OTHERS:
            for text in forms(entry, language):
                found = Counter(_HOLES.findall(text))
                # A singular may say "one" in words.
                fewer = "plural" in entry or key in services
                assert found == wanted or (fewer and found < wanted), (key, language)
                assert key in services or not set('"&<') & set(_HOLES.sub("", text)), (key, language)


def test_no_long_text_is_a_copy_of_the_english_one():
    """A text of some words that is the same in another language was not translated."""
    copies = [
        (key, language)
        for key, entry in entries()
        for language in OTHERS
        if len(key) > 24 and key in forms(entry, language)
    ]
    assert copies == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["1,234 days", "0 days", "1 day", "1,234", "12,345"]),
        ("fr", ["1\u202f234 jours", "0 jour", "1 jour", "1\u202f234", "12\u202f345"]),
        ("de", ["1.234 Tage", "0 Tage", "1 Tag", "1.234", "12.345"]),
        ("es", ["1234 días", "0 días", "1 día", "1234", "12\u202f345"]),
    ],
)
def test_numbers_and_plurals_are_those_of_the_language(language: str, words: list[str]):
    """Digits are grouped as in the language; in French, zero is singular."""
    with in_language(language):
        days = [ngettext("%(num)s day", "%(num)s days", number) for number in (1234, 0, 1)]
        assert [*days, grouped(1234), grouped(12345)] == words


def test_what_the_catalogue_lacks_stays_as_it_is():
    """A text that nobody translated is shown in English, also with a percent sign."""
    with in_language("de"):
        assert translated("100 % of nothing") == "100 % of nothing"
        assert gettext("There is no %(thing)s of this kind", thing="x") == "There is no x of this kind"
        assert pgettext("nowhere", "Unheard of") == "Unheard of"
    assert translated("Sign in") == "Sign in"
