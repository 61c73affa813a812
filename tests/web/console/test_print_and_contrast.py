"""Pages in Chromium as few people see them: in the longest language on a phone, in forced colours, on paper."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.console import violations
from tests.support.console_album import Album, sign_in_with_key, stranger
from tests.support.console_pages import PAGES
from tests.support.example_account import example_account
from tests.support.web_house import House

#: The account of all pages is made once.
pytestmark = pytest.mark.xdist_group("console on paper")
#: Tables and texts that scroll sideways.
_WIDE = """[...document.querySelectorAll('.table')].filter(one => one.scrollWidth > one.clientWidth).map(
  one => one.innerText)"""


@pytest.fixture(scope="module", params=["en-GB", "de-DE"])
def album(request: pytest.FixtureRequest, house: House, browser: Browser) -> Iterator[Album]:
    """An account with something on every page, seen in a language."""
    with stranger(browser, request.param) as page:
        album = Album(house, example_account(house), browser, page)
        sign_in_with_key(album, page, album.account.tenant.name)
        yield album


def language_of(page: Page) -> str | None:
    """Return the language of a page."""
    return page.locator("html").get_attribute("lang")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_on_a_phone_and_in_forced_colours(album: Album, name: str):
    """German has the longest words. No scrolling sideways at 320 px, not even of a table; no finding of the checker."""
    with album.opened(name) as page:
        for forced in ("none", "active"):
            page.emulate_media(forced_colors=forced)
            page.set_viewport_size({"width": 320, "height": 700})
            assert violations(page) == [], forced
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), forced
            assert page.evaluate(_WIDE) == [], forced
        page.emulate_media(forced_colors="none")


def test_a_row_on_a_phone_is_a_row_of_a_table(album: Album):
    """Who does not see the page is told rows, headings and cells; who sees it, the column above each cell."""
    with album.opened("recordings") as page:
        page.set_viewport_size({"width": 320, "height": 700})
        table = page.get_by_role("table")
        columns = table.get_by_role("columnheader").count()
        row = table.get_by_role("row").nth(1)
        assert row.get_by_role("rowheader").count() == 1
        assert row.get_by_role("cell").count() == columns - 1
        label = "getComputedStyle(document.querySelector('tbody td'), '::before').content"
        heading = page.locator("thead th").nth(1).inner_text()
        # Nothing of it is read aloud: the table says it.
        assert page.evaluate(label) == f'"{heading}" / ""'
        page.set_viewport_size({"width": 1280, "height": 800})
        assert page.evaluate(label) == "none"


@pytest.mark.parametrize("name", PAGES)
def test_a_printed_page_has_what_it_shows_and_where_it_is_from(album: Album, name: str):
    """No navigation, no button and no form, but the account, the time and the address."""
    with album.opened(name) as page:
        page.set_viewport_size({"width": 780, "height": 1100})
        page.emulate_media(media="print")
        printed = page.locator(".printed")
        assert printed.is_visible()
        assert album.account.tenant.name in printed.inner_text()
        assert album.house.url in printed.inner_text()
        for hidden in ("nav", "button", "form", "a.button"):
            assert page.locator(hidden).filter(visible=True).count() == 0, hidden
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.emulate_media(media="screen")


def test_the_language_is_that_of_the_browser(album: Album):
    """A page of the account is in the language of the context."""
    wanted = album.page.evaluate("navigator.language")[:2]
    with album.opened("overview") as page:
        assert language_of(page) == wanted


def test_times_speak_the_pages_language(album: Album):
    """Not the browser's, where the reader chose another; and the page names the zone in which they are shown."""
    with album.opened("requests") as page:
        own = language_of(page)
        for language in ("fr", "es", own):
            page.goto(f"{album.base}/requests?language={language}")
            assert language_of(page) == language
            day = page.evaluate(
                "language => new Intl.DateTimeFormat(language, { weekday: 'long', timeZone: 'America/Los_Angeles' })"
                ".format(new Date(document.querySelector('time[datetime*=T]').dateTime))",
                language,
            )
            shown = page.locator("time[datetime*=T]").first
            assert day in (shown.get_attribute("title") or "")
            assert page.locator("[data-zone] b").inner_text() == "America/Los Angeles"
            assert page.locator("[data-zone]").is_visible()
