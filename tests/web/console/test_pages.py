"""Every page in Chromium: its policy, what axe finds in light, dark and at 320 px, and a journey without scripts."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import complaints, new_page
from tests.support.console import MARKUP, furnished, key_text, violations
from tests.support.console_album import NAMES, Album, show, sign_in_with_key, stranger
from tests.support.console_pages import NO_PAGES, PAGES
from tests.support.example_account import example_account
from tests.support.web_house import House
from tests.web.console.doors import DOORS

#: The account of all pages is made once.
pytestmark = pytest.mark.xdist_group("console pages")
#: Pages that show what callers, listeners and agents send.
SHOWS_MARKUP = ("/recordings", "/recordings/{odd}", "/people", "/quarantine", "/log")
#: What can be used by keyboard, in the order of the page.
USABLE = """[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter(
  one => one.checkVisibility() && one.type !== 'hidden' && !one.disabled).map(one => one.outerHTML.slice(0, 200))"""
#: A phone on which text is enlarged (WCAG 1.4.10).
NARROW = {"width": 320, "height": 700}


@pytest.fixture(scope="module")
def album(house: House, browser: Browser) -> Iterator[Album]:
    """An account with something on every page, and somebody with a key who sees it."""
    with stranger(browser) as page:
        album = Album(house, example_account(house), browser, page)
        sign_in_with_key(album, page, album.account.tenant.name)
        yield album


def enter(page: Page, house: House, account: str) -> None:
    """Sign in by the form."""
    page.goto(f"{house.url}/console/sign-in")
    page.get_by_label("API key").fill(key_text(house, account))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**/console/accounts/{account}")


def test_no_page_is_forgotten():
    """Each route of the console that a browser can go to is opened here, or is no page for a reason."""
    opened = {_shape(path) for path in PAGES.values()}
    routes = {path for method, path in DOORS if method == "GET"}
    assert set(NO_PAGES) <= routes
    assert {_shape(path) for path in routes - set(NO_PAGES)} == opened


def _shape(path: str) -> str:
    """Return a path without its query and the names of what varies in it."""
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_keeps_the_policy_and_is_accessible(album: Album, name: str):
    """No violation of the policy, no complaint, no finding of the checker, no scrolling sideways, no script in it."""
    with album.opened(name) as page:
        errors = complaints(page)
        for look in ("light", "dark", "narrow"):
            show(page, "phone" if look == "narrow" else look)
            if look == "narrow":
                # The checker looks at narrow pages in test_print_and_contrast.py.
                page.set_viewport_size(NARROW)
            else:
                assert violations(page) == [], look
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), look
        assert page.evaluate("window.violations") == []
        assert page.locator("script:not([src])").count() == 0
        assert errors == []
        show(page, "light")


@pytest.mark.parametrize("name", ["overview", "recording", "consent", "request"])
def test_the_keyboard_goes_round_a_page(album: Album, name: str):
    """Tab stops at everything that can be used, in the order of the page, and is then at its beginning again."""
    with album.opened(name) as page:
        usable = page.evaluate(USABLE)
        stops = []
        for _ in usable:
            page.keyboard.press("Tab")
            # A date has several stops; two buttons may look the same.
            while page.evaluate("document.activeElement === window.last"):
                page.keyboard.press("Tab")
            stops.append(page.evaluate("(window.last = document.activeElement).outerHTML.slice(0, 200)"))
        assert stops == usable
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || document.activeElement.matches('.skip')"
        )


def test_markup_is_text(house: House, browser: Browser):
    """What anybody sends with markup in it is shown as it was sent, and runs nothing."""
    tenant, ids = furnished(house)
    with new_page(browser) as page:
        errors = complaints(page)
        enter(page, house, tenant.name)
        for path in SHOWS_MARKUP:
            page.goto(f"{house.url}/console/accounts/{tenant.name}{path.replace('{odd}', ids['odd'])}")
            assert page.evaluate("window.violations") == [], path
            assert page.locator("script:not([src])").count() == 0, path
            if path != "/quarantine":
                assert MARKUP in page.locator("main").inner_text(), path
        assert errors == []


def test_dialogs_are_accessible(album: Album):
    """Each dialog opens by its button, is checked while open, and closes by Cancel."""
    for name in PAGES:
        with album.opened(name) as page:
            for number in range(page.locator("button[command=show-modal]").count()):
                page.locator("button[command=show-modal]").nth(number).click()
                dialog = page.locator("dialog[open]")
                assert dialog.count() == 1, name
                assert violations(page) == [], name
                dialog.get_by_role("button", name="Cancel").click()
                assert page.locator("dialog[open]").count() == 0
            assert page.evaluate("window.violations") == [], name


def test_a_call_is_found_and_heard_without_scripts(house: House, browser: Browser):
    """Scripts off: sign in, find by a number in national spelling, listen with a purpose, restrict, sign out."""
    tenant, ids = furnished(house)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    try:
        enter(page, house, tenant.name)
        page.get_by_role("link", name="Recordings").click()
        page.get_by_label("Number").fill("(415) 555-0142")
        with page.expect_navigation():
            page.get_by_role("button", name="Find").click()
        # The id of the search in the address has digits too.
        assert not re.search(r"555.?0142", unquote(page.url))
        assert page.locator("tbody tr").count() == 1
        with page.expect_navigation():
            page.locator("tbody a").click()
        assert page.url.endswith(ids["kept-1"])
        page.get_by_label("Purpose").select_option("quality")
        with page.expect_navigation():
            page.get_by_role("button", name="Listen").click()
        assert "/s/sess_" in page.url
        assert page.locator("noscript audio, audio").count() >= 1
        page.goto(f"{house.url}/console")
        page.get_by_role("link", name="Recordings").click()
        page.locator(f"a[href$='{ids['kept-1']}']").click()
        page.get_by_role("button", name="Restrict", exact=True).click()
        page.locator("dialog[open]").get_by_role("button", name="Restrict").click()
        assert page.get_by_role("status").inner_text().startswith("The recording is restricted")
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("You are signed out").first.wait_for()
        page.go_back()
        assert "/console/sign-in" in page.url
    finally:
        context.close()
    kinds = tenant.types(ids["kept-1"])
    assert "details.read" in kinds
    assert kinds.index("link.created") < kinds.index("playback.open")
