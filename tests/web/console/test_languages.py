"""The console in each language: headers, errors, and periods as somebody types them."""

import pytest

from tests.support.console import OWN
from tests.support.web_house import House
from vault.domain.retention.period import parse_period
from vault.web.console.words import period_text, period_value, period_words
from vault.web.http.languages import LANGUAGES
from vault.web.http.translations import in_language, translated


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
        assert page.headers["vary"] == "Accept-Language"


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
