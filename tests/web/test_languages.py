"""The languages of a listener's pages: which one a request gets, and that none lacks a text."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import vault.web
from tests.support.tenant import Tenant, open_link
from tests.support.web_house import House
from vault.web.http.languages import LANGUAGES, preferred_language, spoken_length, texts_of

PAGES = Path(vault.web.__file__).parent / "pages"

#: An Accept-Language header, and the language of the pages.
HEADERS = [
    ("", "en"),
    ("fr", "fr"),
    ("fr-CA", "fr"),
    ("DE-at,de;q=0.9,en;q=0.8", "de"),
    ("it,es;q=0.5,en;q=0.3", "es"),
    ("it", "en"),
    ("en;q=0.5, fr;q=0.9", "fr"),
    ("fr;q=0, de;q=0.1", "de"),
    ("fr;q=0", "en"),
    ("*", "en"),
    ("es, *;q=0.5", "es"),
    ("fr; q=0.7 , de ; q=0.8", "de"),
    ("fr, de", "fr"),
    ("fr;q=x, de;q=0.1", "de"),
    ("fr;q=nan", "en"),
    ("fr;q=7", "en"),
    ("fr;q", "en"),
    ("fr;level=1, de;q=0.2", "de"),
    (";;;,,,=", "en"),
    ("fra", "en"),
    # Only so many ranges are read.
    ("it," * 40 + "fr", "en"),
]


@pytest.mark.parametrize(("header", "language"), HEADERS)
def test_the_heaviest_known_language_wins(header: str, language: str):
    """By the weights of RFC 9110; what cannot be parsed is passed over."""
    assert preferred_language(header) == language


def flat(texts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every text with its full key."""
    for key, value in texts.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def test_every_language_has_every_text():
    """The same keys, none empty, each with the same placeholders; no two languages are copies."""
    assert {file.stem for file in (PAGES / "texts").glob("*.toml")} == set(LANGUAGES)
    english = dict(flat(texts_of("en")))
    for language in LANGUAGES[1:]:
        texts = dict(flat(texts_of(language)))
        assert set(texts) == set(english)
        for key, text in texts.items():
            assert type(text) is type(english[key]), key
            if isinstance(text, str):
                assert text.strip(), key
                assert holes(text) == holes(english[key]), key
        sentences = [key for key, text in english.items() if isinstance(text, str) and len(text) > 30]
        assert [key for key in sentences if texts[key] == english[key]] == []


def holes(text: str) -> list[str]:
    """Return the placeholders of a text."""
    return sorted(re.findall(r"{\w*}", text))


def test_scripts_and_templates_use_texts_that_exist():
    """What a script says is in the catalogue, what the catalogue has is said, and no key hides a method of a dict."""
    script = texts_of("en")["script"]
    said = "".join(file.read_text() for file in PAGES.glob("*.js"))
    literal = set(re.findall(r'say\("(\w+)"', said))
    assert literal <= set(script)
    assert [key for key in script if f'"{key}"' not in said] == []
    assert [key for key, _ in flat(texts_of("en")) if hasattr(dict, key.rpartition(".")[2])] == []
    template = (PAGES / "player.html").read_text()
    unused = [key for key in texts_of("en")["player"] if not re.search(rf'texts\.{key}\b|"{key}"', template)]
    by_page = (
        "incoming",
        "outgoing",
        "call",
        "voicemail",
        "agent",
        "customer",
        "caller",
        "callee",
        "channel",
        "card_data",
    )
    assert [key for key in unused if key not in by_page and not key.startswith(("key_", "told_"))] == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["0 seconds", "1 minute 1 second", "2 hours 0 minutes"]),
        ("fr", ["0 seconde", "1 minute 1 seconde", "2 heures 0 minute"]),
        ("de", ["0 Sekunden", "1 Minute 1 Sekunde", "2 Stunden 0 Minuten"]),
        ("es", ["0 segundos", "1 minuto 1 segundo", "2 horas 0 minutos"]),
    ],
)
def test_a_length_has_the_plural_of_its_language(language: str, words: list[str]):
    """In French, zero is singular."""
    assert [spoken_length(seconds, language) for seconds in (0, 61, 7200)] == words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_in_the_language(house: House, shared: tuple[Tenant, str], language: str):
    """The link, the player, the way back, the state of the session, a dead link: with the headers for caches."""
    browser = house.client({"Accept-Language": f"{language}-XX, it;q=0.9"})
    texts = texts_of(language)
    link = shared[0].link(shared[1])
    shown = browser.get(link["url"])
    pages = [(shown, texts["link"]["title"])]
    path = open_link(browser, link["url"]).headers["location"]
    pages.append((browser.get(path), texts["player"]["position"]))
    pages.append((browser.get(link["url"]), texts["resume"]["title"]))
    pages.append((browser.get("/p/nobody"), texts["not_valid"]["title"]))
    for page, words in pages:
        assert words in page.text
        assert f'<html lang="{language}">' in page.text
        assert page.headers["content-language"] == language
        assert page.headers["vary"] == "Accept-Language, Cookie"
    shared[0].http.delete(shared[0].url(f"/recordings/{shared[1]}/links/{link['id']}"))
    state = browser.get(f"{path}/state").json()
    assert (state["title"], state["text"]) == tuple(texts["closed"]["revoked"].values())
