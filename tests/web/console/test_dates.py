"""Dates have one form on all pages: an element of a time, which a script shows as the reader writes dates."""

import re
from html.parser import HTMLParser
from typing import Final

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.console_pages import PAGES, path_of
from tests.support.example_account import ExampleAccount, example_account
from tests.support.web_house import House

pytestmark = pytest.mark.xdist_group("console forms")
#: What is data, is pasted as it stands, or is the form of a date already.
_DATA: Final = frozenset({"time", "code", "pre", "textarea", "svg", "script", "style", "blockquote", "b"})
_DATE: Final = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_EMPTY: Final = frozenset({"input", "br", "meta", "link", "img", "hr", "wbr", "source"})
#: Texts with such a date for a reason.
ALLOWED: Final = ((r"Account .*, as of .*", "the line of a printed page, which no script changes"),)


class _Dates(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.within: list[str] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _EMPTY:
            self.within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.within and self.within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not _DATA & set(self.within) and _DATE.search(data):
            self.found.append(data.strip())


def dates_of(page: str) -> list[str]:
    """Return the texts of a page with a date that is no element of a time."""
    reader = _Dates()
    reader.feed(page)
    return reader.found


@pytest.fixture(scope="module")
def account(house: House) -> ExampleAccount:
    """An account with something on every page."""
    return example_account(house)


@pytest.fixture(scope="module")
def client(house: House, account: ExampleAccount) -> httpx.Client:
    """Somebody with every scope."""
    return sign_in(house, account.tenant.name)


@pytest.mark.parametrize("name", PAGES)
def test_a_date_is_an_element_of_a_time(client: httpx.Client, account: ExampleAccount, name: str):
    """But for what is named above."""
    page = client.get(path_of(account, name))
    assert page.status_code == 200
    found = [text for text in dates_of(page.text) if not any(re.match(one, text) for one, _ in ALLOWED)]
    assert found == []


def test_the_reader_finds_a_bare_date():
    """In any text, and not in an element that is a date."""
    assert dates_of("<p>since 2026-01-02 <time>2026-01-03</time></p>") == ["since 2026-01-02"]
