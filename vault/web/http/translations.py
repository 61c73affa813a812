"""Texts of the console in the language of the request. The English sentence is the key, as in GNU gettext.

The translations are ``vault/web/pages/console/texts/*.json``, a file for each subject: an object of English
sentences, each with ``fr``, ``de`` and ``es``. Where a number decides the form, ``plural`` is the English plural, and
each language has a list of its two forms. A key ``context|sentence`` is a sentence that means several things in
English. A sentence without a translation stays English.

Templates write ``_("...")`` and ``{% trans %}`` (jinja2's own extension); code writes ``gettext("...")`` where it runs
for a request, and ``translatable(...)`` around constants, which ``translated()`` or the filter ``translated`` turns
into the language later. ``tests/web/test_translations.py`` finds what is missing or unused.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar
from unicodedata import bidirectional

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from vault.web.http.languages import DEFAULT

Words = TypeVar("Words")
#: The forms of each key: singular and plural, or one form.
Forms = dict[str, tuple[str, ...]]
TEXTS: Final = Path(__file__).parents[1] / "pages" / "console" / "texts"
#: Files of what services say; those of all others are used by templates and code.
OF_SERVICES: Final = ("services", "places", "history", "reasons", "rules", "platforms", "refusals")
_CURRENT: ContextVar[str] = ContextVar("language of the page", default=DEFAULT)
#: Between groups of three digits. Spanish has none in numbers of four digits.
_SEPARATORS: Final[Mapping[str, str]] = {"en": ",", "fr": "\u202f", "de": ".", "es": "\u202f"}
_FOUR_DIGITS: Final = 9999
#: Letters of Hebrew, and of Arabic and Syriac, as Unicode classes them.
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})


@contextmanager
def in_language(language: str) -> Iterator[None]:
    """Use a language of LANGUAGES for what runs in the block."""
    before = _CURRENT.set(language)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def current_language() -> str:
    """Return the language of the page that is being made."""
    return _CURRENT.get()


@cache
def catalogue(language: str) -> Forms:
    """Return the translations into a language; none for English."""
    if language == DEFAULT:
        return {}
    found: Forms = {}
    for file in sorted(TEXTS.glob("*.json")):
        for key, entry in json.loads(file.read_text("utf-8")).items():
            words = entry[language]
            found[key] = (words,) if isinstance(words, str) else tuple(words)
    return found


def keys_of(name: str) -> Iterable[str]:
    """Return the keys of one file of the catalogue."""
    entries: Mapping[str, Any] = json.loads((TEXTS / f"{name}.json").read_text("utf-8"))
    return entries.keys()


def translatable(words: Words) -> Words:
    """Return constants unchanged: a text, a mapping to texts, or pairs of a code and a text."""
    return words


def translated(text: str) -> str:
    """Return a text in the current language; one that the catalogue does not have is returned as it is."""
    return catalogue(current_language()).get(text, (text,))[0]


def gettext(text: str, /, **values: object) -> str:
    """Return a sentence in the current language with its ``%(name)s`` filled in."""
    return translated(text) % _printed(values)


def ngettext(singular: str, plural: str, number: int, /, **values: object) -> str:
    """Return the form of a sentence for a number, which it may name as ``%(num)s``."""
    return _form(singular, plural, number) % _printed({"num": number, **values})


def pgettext(context: str, text: str, /, **values: object) -> str:
    """Return a sentence that has several meanings in English, in the one that the context names."""
    return _in_context(context, text) % _printed(values)


def translated_pairs(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return pairs of a code and its words, such as the options of a choice, in the current language."""
    return [(code, translated(words)) for code, words in pairs]


def decimal(number: float) -> str:
    """Return a number with one decimal, as the current language writes it."""
    text = f"{number:.1f}"
    return text if current_language() == DEFAULT else text.replace(".", ",")


def grouped(number: int) -> str:
    """Return a number with its digits in groups, as the current language writes it."""
    language = current_language()
    if language == "es" and abs(number) <= _FOUR_DIGITS:
        return str(number)
    return f"{number:,}".replace(",", _SEPARATORS[language])


def prepare(environment: Environment) -> None:
    """Give templates ``_`` and ``trans`` blocks, and filters for texts and numbers."""
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    # The extension's own functions print numbers without groups of digits.
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.globals.update(gettext=_gettext, ngettext=_ngettext, pgettext=_pgettext)
    environment.filters.update(translated=_translated, grouped=grouped, decimal=decimal, isolated=isolated)


def _in_context(context: str, text: str) -> str:
    return catalogue(current_language()).get(f"{context}|{text}", (text,))[0]


def _form(singular: str, plural: str, number: int) -> str:
    language = current_language()
    forms = catalogue(language).get(singular, (singular, plural))
    is_singular = number == 1 or (number == 0 and language == "fr")
    return forms[0 if is_singular else -1]


def isolated(text: str) -> str:
    """Return what fills a sentence, between marks if it is read from right to left: else it would move what follows.

    The marks are Unicode's, which no page shows, since a sentence may stand in an attribute, where no element can.
    """
    return f"\u2068{text}\u2069" if is_right_to_left(text) else text


def is_right_to_left(text: str) -> bool:
    """Return whether any of it is read from right to left."""
    return not text.isascii() and any(bidirectional(one) in _RIGHT_TO_LEFT for one in text)


def _printed(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _print(value) for name, value in values.items()}


def _print(value: object) -> object:
    if isinstance(value, int):
        return grouped(value)
    if isinstance(value, Markup):
        return Markup(isolated(value))  # noqa: S704 - it was markup before
    return isolated(value) if isinstance(value, str) else value


@pass_context
def _translated(_: Context, text: str) -> str:
    # With a context, jinja2 does not compute it when it compiles the template.
    return translated(text)


@pass_context
def _gettext(context: Context, text: str, /, **values: object) -> str:
    return _filled(context, translated(text), values)


@pass_context
def _ngettext(context: Context, singular: str, plural: str, number: int, /, **values: Any) -> str:
    return _filled(context, _form(singular, plural, number), {"num": number, **values})


@pass_context
def _pgettext(context: Context, meaning: str, text: str, /, **values: object) -> str:
    return _filled(context, _in_context(meaning, text), values)


def _filled(context: Context, text: str, values: Mapping[str, object]) -> str:
    """Fill in values, which are escaped; the text is ours and may have markup."""
    whole = Markup(text) if context.eval_ctx.autoescape else text  # noqa: S704 - a text of the catalogue
    return whole % _printed(values)
