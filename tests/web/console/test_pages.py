"""Every page in Chromium: its policy, what axe finds in light, dark and at 320 px, and a journey without scripts."""

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import chromium, complaints, new_page
from tests.support.console import furnished, key_text, shoot, violations
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.pages import PAGES

Furnished = tuple[Tenant, dict[str, str]]
LOOKS = {"light": (1280, 900), "dark": (1280, 900), "phone": (320, 700)}


@pytest.fixture(scope="module")
def account(house: House) -> Furnished:
    """An account with recordings in several states."""
    return furnished(house)


@pytest.fixture(scope="module")
def browser():
    """Start the browser once."""
    with chromium() as browser:
        yield browser


def enter(page: Page, house: House, account: str) -> None:
    """Sign in by the form."""
    page.goto(f"{house.url}/console/sign-in")
    page.get_by_label("API key").fill(key_text(house, account))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/console/accounts/{account}")


def address(house: House, account: Furnished, path: str) -> str:
    """Return the address of a page."""
    tenant, ids = account
    for name, recording in ids.items():
        path = path.replace(f"{{{name}}}", recording)
    return f"{house.url}/console/accounts/{tenant.name}{path}"


@pytest.mark.parametrize("look", LOOKS)
def test_pages_keep_the_policy_and_are_accessible(
    house: House, account: Furnished, browser: Browser, look: str
):
    """No violation of the policy, no complaint, no finding of the checker, no scrolling sideways, markup is text."""
    width, height = LOOKS[look]
    with new_page(browser) as page:
        errors = complaints(page)
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="dark" if look == "dark" else "light")
        page.goto(f"{house.url}/console/sign-in")
        assert violations(page) == []
        shoot(page, f"sign-in-{look}")
        enter(page, house, account[0].name)
        for name, path in PAGES.items():
            answer = page.goto(address(house, account, path))
            assert answer is not None
            assert answer.status == 200, name
            assert violations(page) == [], name
            assert page.evaluate("window.violations") == [], name
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            assert page.locator("script:not([src])").count() == 0, name
            shoot(page, f"{name}-{look}")
        assert errors == []


def test_dialogs_are_accessible(house: House, account: Furnished, browser: Browser):
    """Each dialog opens by its button, is checked while open, and closes by Cancel."""
    with new_page(browser) as page:
        enter(page, house, account[0].name)
        for name, path in PAGES.items():
            page.goto(address(house, account, path))
            for number in range(page.locator("button[command=show-modal]").count()):
                button = page.locator("button[command=show-modal]").nth(number)
                button.click()
                dialog = page.locator("dialog[open]")
                assert dialog.count() == 1, name
                assert violations(page) == [], name
                if number == 0:
                    shoot(page, f"dialog-{name}")
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
        page.get_by_role("button", name="Find").click()
        assert "555" not in page.url
        assert page.locator("tbody tr").count() == 1
        page.locator("tbody a").click()
        assert page.url.endswith(ids["kept-1"])
        page.get_by_label("Purpose").select_option("quality")
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
        assert "You are signed out" in page.content()
        page.go_back()
        assert "/console/sign-in" in page.url
    finally:
        context.close()
    kinds = tenant.types(ids["kept-1"])
    assert "details.read" in kinds
    assert kinds.index("link.created") < kinds.index("playback.open")
