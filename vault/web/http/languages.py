"""Languages of the pages, and the language of a request: the one that was chosen on a page, else the browser's.

The texts of a language are one TOML file in ``vault/web/pages/texts``; all files have the same keys.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request

from vault.web.http.cookies import LANGUAGE, own_name, read_cookie

#: In the order of preference where a request does not say one.
LANGUAGES: Final = ("en", "fr", "de", "es")
DEFAULT: Final = "en"
#: What each calls itself, and what it calls the choice of one.
NAMES: Final[Mapping[str, str]] = {"en": "English", "fr": "Français", "de": "Deutsch", "es": "Español"}
CHOICE: Final[Mapping[str, str]] = {"en": "Language", "fr": "Langue", "de": "Sprache", "es": "Idioma"}
#: What caches must tell apart.
VARY: Final = "Accept-Language, Cookie"
#: Languages of a header that are read; browsers send a dozen at most.
_MAX_RANGES: Final = 32
_TEXTS: Final = Path(__file__).parents[1] / "pages" / "texts"
Texts = Mapping[str, Any]


def language_of(request: Request) -> str:
    """Return the language that was chosen on a page; else the one that the client prefers of those of the pages."""
    chosen = read_cookie(request, own_name(request, LANGUAGE))
    if chosen in LANGUAGES:
        return chosen
    return preferred_language(request.headers.get("accept-language", ""))


def preferred_language(header: str) -> str:
    """Return the language of LANGUAGES with the highest weight in an Accept-Language header.

    RFC 9110, section 12.5.4; ranges are matched as in RFC 4647, section 3.4 (``fr-CA`` finds ``fr``). At equal weight
    the first wins. What cannot be parsed is passed over; without a match the language is English.
    """
    best, weight = DEFAULT, 0.0
    for wanted, quality in _ranges(header):
        language = DEFAULT if wanted == "*" else wanted.partition("-")[0]
        if language in LANGUAGES and quality > weight:
            best, weight = language, quality
    return best


@cache
def texts_of(language: str) -> Texts:
    """Return the texts of a language of LANGUAGES."""
    return tomllib.loads((_TEXTS / f"{language}.toml").read_text("utf-8"))


def spoken_length(seconds: float | None, language: str) -> str:
    """Return a length in words, such as "4 minutes 54 seconds"; empty if it is unknown.

    What is left of a second is dropped, as on every clock of the pages.
    """
    if seconds is None:
        return ""
    minutes, second = divmod(int(seconds), 60)
    if not minutes:
        return _count(second, "second", language)
    hours, minute = divmod(minutes, 60)
    if not hours:
        return f"{_count(minute, 'minute', language)} {_count(second, 'second', language)}"
    return f"{_count(hours, 'hour', language)} {_count(minute, 'minute', language)}"


def _count(number: int, unit: str, language: str) -> str:
    units = texts_of(language)["units"]
    singular, plural = units[unit]
    is_singular = number == 1 or (number == 0 and units["singular_zero"])
    return f"{number} {singular if is_singular else plural}"


def _ranges(header: str) -> Iterator[tuple[str, float]]:
    for part in header.lower().split(",", maxsplit=_MAX_RANGES)[:_MAX_RANGES]:
        wanted, _, parameter = part.partition(";")
        name, _, value = parameter.partition("=")
        if name.strip() not in ("q", ""):
            continue
        try:
            quality = float(value) if parameter.strip() else 1.0
        except ValueError:
            continue
        if 0 < quality <= 1:
            yield wanted.strip(), quality
