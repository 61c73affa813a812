"""The page of the quarantine in a browser: its script ticks them all."""

from playwright.sync_api import Browser

from tests.support.console import furnished, key_text
from tests.support.web_house import House


def test_a_browser_ticks_them_all_and_leaves_one_out(house: House, browser: Browser):
    """One tick ticks the page; one that is taken away is left out; the buttons stand before the list."""
    tenant, ids = furnished(house)
    context = browser.new_context()
    page = context.new_page()
    try:
        page.goto(f"{house.url}/console/sign-in?next=/console/accounts/{tenant.name}/quarantine")
        page.get_by_label("API key").fill(key_text(house, tenant.name))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.goto(f"{house.url}/console/accounts/{tenant.name}/quarantine")
        everything = page.get_by_label("All 3 that wait, also on other pages")
        singles = page.locator("input[name=recording]")
        everything.check()
        assert [one.is_checked() for one in singles.all()] == [True] * 3
        everything.uncheck()
        assert [one.is_checked() for one in singles.all()] == [False] * 3
        everything.check()
        page.locator(f"input[name=recording][value={ids['waits-2']}]").uncheck()
        release = page.get_by_role("button", name="Release …")
        box, table = release.bounding_box(), page.locator("table").bounding_box()
        assert box is not None
        assert table is not None
        assert box["y"] < table["y"]
        with page.expect_navigation():
            release.click()
        assert page.get_by_role("heading", name="Release 2 recordings?").is_visible()
        assert page.get_by_text("1 is left out").is_visible()
        assert sorted(one.get_attribute("value") for one in page.locator("input[name=recording]").all()) == (
            sorted([ids["waits-1"], ids["waits-3"]])
        )
    finally:
        context.close()
