"""The listener's pages for everybody: what axe finds, at 320 px, in both themes, and in each language."""

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.player import Listener, end_session, fits, shown, views
from tests.support.chromium import WATCH, until
from tests.support.console import violations
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.web.http.languages import LANGUAGES, texts_of

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
LOADED = "document.querySelector('#skip')?.disabled === false"
PHONE, DESK = (320, 640), (1100, 900)
VIEWS = views(PHONE, DESK)


def accessible(page: Page, name: str) -> None:
    """Assert that axe finds nothing and that nothing has to be scrolled sideways."""
    assert violations(page) == [], name
    assert fits(page), name


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing(listener: Listener, house: House, caller: Tenant, conversation: str, view: str):
    """On the link's page, the player at rest and in use, its help, the way back, and the pages of what is over."""
    page, (scheme, size) = listener.page, VIEWS[view]
    shown(page, scheme, size)
    url = caller.link(conversation, sessions=1, download=True)["url"]
    page.goto(url)
    accessible(page, "link")
    listener.button("Listen").click()
    page.wait_for_url("**/s/sess_*")
    until(page, LOADED)
    accessible(page, "player")
    for key in ("a", "ArrowRight", "b", "+", "s", "m"):
        page.keyboard.press(key)
    accessible(page, "player in use")
    page.keyboard.press("?")
    assert page.evaluate("document.activeElement.id") == "help-title"
    accessible(page, "help")
    page.keyboard.press("Escape")
    session = listener.address
    page.goto(url)
    accessible(page, "continue")
    end_session(house, session)
    for name, address in (("used", url), ("ended", session), ("dead", f"{house.url}/p/nobody")):
        page.goto(address)
        accessible(page, name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_screen_reader_hears_the_language(
    chrome: Browser, caller: Tenant, conversation: str, language: str
):
    """Names, positions and dates are in the page's language, and its longer words fit a small phone."""
    context = chrome.new_context(
        locale=language, timezone_id="Europe/Paris", viewport={"width": 320, "height": 640}
    )
    context.add_init_script(WATCH)
    page, texts = context.new_page(), texts_of(language)
    page.goto(caller.link(conversation)["url"])
    page.get_by_role("button", name=texts["link"]["listen"]).click()
    page.wait_for_url("**/s/sess_*")
    until(page, LOADED)
    assert fits(page)
    for name in ("back", "play", "forward", "previous", "next", "mute", "skip", "repeat_from", "zoom_in"):
        assert page.get_by_role("button", name=texts["player"][name], exact=True).count() == 1, name
    page.keyboard.press("End")
    unit = texts["units"]["second"][1]
    words = texts["script"]["of"].format(position=f"29 {unit}", duration=f"30 {unit}")
    spoken = page.locator("#seek").get_attribute("aria-valuetext") or ""
    # In French a number and its unit are not parted at the end of a line.
    assert spoken.replace("\xa0", " ") == words
    month = {"en": "July", "fr": "juillet", "de": "Juli", "es": "julio"}[language]
    assert month in page.inner_text("h1")
    assert page.locator("#speed option").nth(0).inner_text()[1] == texts["units"]["decimal"]
    assert page.evaluate("window.violations") == []
    context.close()


def test_a_printed_page_has_no_controls(listener: Listener, caller: Tenant, conversation: str):
    """What can be pressed is left out; the call, its waveform and the listener's name stay."""
    listener.open(caller, conversation)
    listener.page.emulate_media(media="print")
    for gone in ("#play", "#speed", ".tools", ".countdown"):
        assert not listener.page.locator(gone).is_visible(), gone
    for kept in ("h1", "#seek canvas", "footer", ".watermark"):
        assert listener.page.locator(kept).is_visible(), kept
