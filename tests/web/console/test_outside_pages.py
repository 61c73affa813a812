"""Pages for people outside, as they meet them: on a phone, printed, by a screen reader, in each language."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import complaints, new_page
from tests.support.console import violations
from tests.support.example_account import ExampleAccount, example_account
from tests.support.web_house import House
from vault.web.http.languages import LANGUAGES

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("console forms")]


@pytest.fixture(scope="module")
def account(house: House) -> ExampleAccount:
    """An account with something on every page."""
    return example_account(house)


@pytest.fixture
def phone(browser: Browser, language: str) -> Iterator[Page]:
    """A phone of somebody who reads this language."""
    with new_page(browser, language, size=(390, 844)) as page:
        yield page


def address_of(house: House, account: ExampleAccount, name: str, language: str) -> str:
    """Return the address of a page for somebody outside."""
    if name == "privacy":
        return f"{account.ids['privacy']}/{language}"
    return f"{house.url}/p/over"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["privacy", "closed link"])
def test_a_page_is_read_on_a_phone_by_a_screen_reader_and_on_paper(
    house: House, account: ExampleAccount, phone: Page, name: str, language: str
):
    """One main part, one heading of the first level and no level left out; on paper neither buttons nor languages."""
    errors = complaints(phone)
    phone.goto(address_of(house, account, name, language))
    assert phone.evaluate("document.documentElement.lang") == language
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(phone) == []
    assert phone.locator("main").count() == 1
    levels = phone.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(one => Number(one.tagName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    phone.emulate_media(media="print")
    assert phone.locator("h1").is_visible()
    assert [one for one in phone.locator("nav, button").all() if one.is_visible()] == []
    assert phone.pdf().startswith(b"%PDF")
    # The address of a link that opens nothing is answered with 404, which a browser tells its console.
    assert [one for one in errors if "404 (Not Found)" not in one] == []
