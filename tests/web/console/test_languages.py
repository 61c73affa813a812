"""The console in each language: headers, errors, and periods as somebody types them.

No English is left on a page: each is asked for in a language in which every text of ours stands in brackets.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

import httpx
import pytest

from tests.support.console import MARKUP, OWN, furnished, sign_in
from tests.support.console_pages import PAGES
from tests.support.web_house import House
from vault.domain.retention.period import parse_period
from vault.web.console.words import period_text, period_value, period_words
from vault.web.http.languages import LANGUAGES
from vault.web.http.translations import catalogue, in_language, translated

OPEN, CLOSE = "\u27e6", "\u27e7"
#: Attributes that a person reads or hears.
_SPOKEN: Final = frozenset({"aria-label", "alt", "placeholder"})
#: What is data by its element: ids, codes, and text that is marked as another language.
_DATA: Final = frozenset({"code", "pre", "time", "svg", "textarea", "style", "script", "blockquote", "cite"})
#: Data in elements that also have texts of ours: names that the tests give, codes and names of products.
_NAMES: Final = re.compile(
    r"callvault|UTC|SHA-256|Id\b|[a-z_]+:(?:read|write|listen|pause)|\*|key_\w+|acc\w*-\w+|"
    r"\w+_[0-9a-f]{8,}|[0-9a-f]{8}…|python-httpx[/.0-9]*|US-[A-Z]{2}|\b[A-Z]{2}\b|"
    r"aircall|plivo|signalwire|telnyx|twilio|vonage|Ed25519|ES256|\b(?:main|platform|vault|test|ingest)\b|"
    r"Desk\b|Freshdesk|Front\b|Help Scout|HubSpot|Intercom|Pipedrive|Salesforce|Slack|Zapier|Webhook|Zendesk|Zoho CRM|"
    # The choice of the language, which has no other language to be translated into.
    r"Sprache|Deutsch|"
    r"\b(?:listener|supervisor|privacy|auditor|admin|operator)\b|Marta Lindqvist|Robin Achterberg|Kim Doe"
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_in_the_language_of_the_browser(house: House, language: str):
    """The sign-in page, a wrong key, an unknown address, and a form from another site."""
    with in_language(language):
        title, wrong, foreign = map(
            translated,
            ("Sign in to callvault", "This address cannot be used", "This form came from another site"),
        )
    browser = house.client({"Accept-Language": f"{language}-XX, it;q=0.9"})
    shown = [
        (browser.get("/console/sign-in"), title),
        (browser.post("/console/sign-in", data={"key": "x"}, headers=OWN), title),
        (browser.post("/console/once/x", headers=OWN), wrong),
        (browser.post("/console/sign-in", data={"key": "x"}), foreign),
    ]
    for page, words in shown:
        assert words in page.text
        assert f'<html lang="{language}">' in page.text
        assert page.headers["content-language"] == language
        assert page.headers["vary"] == "Accept-Language, Cookie"


@pytest.mark.parametrize(
    ("language", "words", "typed"),
    [
        ("en", "1 year and 6 months", "6 months"),
        ("fr", "1 an et 6 mois", "6 mois"),
        ("de", "1 Jahr und 6 Monate", "6 Monate"),
        ("es", "1 año y 6 meses", "6 meses"),
    ],
)
def test_a_period_is_read_back_as_it_is_shown(language: str, words: str, typed: str):
    """A field shows a period in words if it can read them, in whatever language they were typed."""
    with in_language(language):
        assert period_words(parse_period("P1Y6M")) == words
        assert period_value(parse_period("P6M")) == typed
        assert period_value(parse_period("P1Y6M")) == "P1Y6M"
    assert period_text(typed) == "P6M"
    assert period_text("6 moons") == "6 moons"


@pytest.fixture
def bracketed() -> Iterator[None]:
    """German with every text of the catalogue in brackets; the real one comes back afterwards."""
    period_text("1 day")  # It keeps what units are called.
    german = catalogue("de")
    real = dict(german)
    german.update({key: tuple(f"{OPEN}{form}{CLOSE}" for form in forms) for key, forms in real.items()})
    try:
        yield
    finally:
        german.clear()
        german.update(real)


class Words(HTMLParser):
    """Collects what a person reads outside brackets."""

    def __init__(self) -> None:
        """Begin outside every element."""
        super().__init__()
        self.left: list[str] = []
        self.depth = 0
        self.skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element, and look at its spoken attributes."""
        named = dict(attrs)
        foreign = named.get("lang", "de") != "de" or "id" in (named.get("class") or "").split()
        if (self.skipped and tag not in _VOID) or ((tag in _DATA or foreign) and tag not in _VOID):
            self.skipped.append(tag)
        elif not self.skipped:
            self.left += [value for name, value in attrs if name in _SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self.skipped and self.skipped[-1] == tag:
            self.skipped.pop()

    def handle_data(self, data: str) -> None:
        """Collect a text."""
        if not self.skipped:
            self.left.append(data)


_VOID: Final = frozenset({"meta", "link", "input", "img", "br", "hr", "path", "rect"})


def leftovers(page: httpx.Response, *names: str) -> list[str]:
    """Return the words of a page that are neither in brackets nor data. Brackets can stand in brackets."""
    parser = Words()
    parser.feed(page.text)
    # Texts of one element belong together: a sentence may have markup inside.
    whole = "\n".join(parser.left)
    inner = re.compile(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}")
    while (shorter := inner.sub(" ", whole)) != whole:
        whole = shorter
    for name in sorted(names, key=len, reverse=True):
        whole = whole.replace(name, " ")
    whole = _NAMES.sub(" ", whole)
    return re.findall(r"[^\n]*[A-Za-z]{2,}[^\n]*", whole)


def test_no_page_has_an_english_text_of_ours(house: House, bracketed: None):
    """Every page of the console, and the sign-in page, with every scope."""
    tenant, ids = furnished(house)
    ids |= {"call-20417": ids["kept-1"], "call-20384": ids["kept-2"], "connection": "main"}
    # Those that are called the same in German are in no catalogue.
    places = [rule.name for rule in house.call(house.vault.consent.rules.list)]
    browser = sign_in(house, tenant.name, "*")
    browser.headers["Accept-Language"] = "de"
    found = {"sign-in": leftovers(house.client({"Accept-Language": "de"}).get("/console/sign-in"))}
    for name, path in PAGES.items():
        try:
            page = browser.get(f"/console/accounts/{tenant.name}{path.format_map(ids)}")
        except KeyError:
            continue  # It needs what this account does not have.
        assert page.status_code == 200, name
        found[name] = leftovers(page, tenant.name, MARKUP, *ids, *ids.values(), *places)
    assert {name: words for name, words in found.items() if words} == {}
