"""Notes in the player, in Chromium: written while it plays, marked on the waveform, and by keyboard alone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.journeys.player import Listener, fits, shown, views
from tests.support.chromium import complaints, until
from tests.support.console import key_text, violations
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
VIEWS = views((360, 740), (1100, 900))
#: How many pixels at the top of the waveform have the colour of a mark, near a share of its width.
MARK = """share => {
  const canvas = document.querySelector('canvas'), paint = canvas.getContext('2d');
  const { data } = paint.getImageData(Math.round(share * canvas.width) - 5, 0, 10, 8);
  return [...data].filter((value, at) => at % 4 === 3 && value > 200).length;
}"""


def entered(context: BrowserContext, house: House, tenant: Tenant) -> None:
    """Sign in at the console."""
    page = context.new_page()
    page.goto(f"{house.url}/console/sign-in")
    page.get_by_label("API key").fill(key_text(house, tenant.name, "recordings:read", "links:write"))
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**/console/accounts/{tenant.name}")
    page.close()


def noted(page: Page, count: int) -> None:
    """Wait until the list has so many notes."""
    until(page, f"document.querySelectorAll('#notes li').length === {count}")


def test_a_note_is_written_while_it_plays(listener: Listener, house: House, caller: Tenant, duet: str):
    """The page stays: the moment is that of the first letter, the mark is drawn, and the sound goes on."""
    page = listener.page
    entered(page.context, house, caller)
    listener.open(caller, duet)
    assert page.evaluate(MARK, 0.5) == 0
    listener.seek(0.5)
    listener.button("Play").click()
    until(page, "document.querySelector('audio').currentTime > 300.2")
    begun = [int(listener.at)]
    page.keyboard.press("t")
    page.keyboard.type("a")
    begun.append(int(listener.at))
    page.keyboard.type('sks for a refund, says "not again"')
    until(page, f"document.querySelector('audio').currentTime > {begun[1] + 1.2}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    noted(page, 1)
    assert listener.playing
    minutes, seconds = page.locator("#notes .moment").inner_text().split(":")
    moment = 60 * int(minutes) + int(seconds)
    assert begun[0] <= moment <= begun[1]
    assert page.locator("#notes [role=status]").inner_text() == "Saved."
    assert page.evaluate("document.activeElement.id") == "notes-title"
    listener.button("Pause").click()
    listener.seek(0.8)
    page.get_by_role("button", name="Add").click()
    noted(page, 2)
    assert page.locator("#notes .moment").all_inner_texts()[1] in {"7:59", "8:00"}
    assert page.evaluate(MARK, moment / 600) > 20
    page.locator("#notes .moment").first.click()
    until(page, f"Math.abs(document.querySelector('audio').currentTime - {moment}) < 0.01")
    assert page.evaluate("document.querySelector('#notes').contains(document.activeElement)")
    assert "note.made" in caller.types(duet)
    listener.unharmed()


def test_notes_are_changed_and_deleted_without_leaving(
    listener: Listener, house: House, caller: Tenant, alone: str
):
    """What was begun in the form of a new note stays; a mistake is said beside the forms."""
    page = listener.page
    entered(page.context, house, caller)
    listener.open(caller, alone)
    for text in ("one", "two"):
        page.locator("#new-note").get_by_label("Note, or empty").fill(text)
        page.get_by_role("button", name="Add").click()
        until(page, f"[...document.querySelectorAll('#notes li p')].some(p => p.textContent === '{text}')")
    page.locator("#new-note").get_by_label("Note, or empty").fill("begun")
    page.locator("#notes summary").first.click()
    changed = page.locator("#notes li").first
    changed.get_by_label("At").fill("99:00")
    changed.get_by_role("button", name="Save").click()
    until(page, "document.querySelector('#notes [role=alert]') !== null")
    assert "within the recording" in page.locator("#notes [role=alert]").inner_text()
    changed.get_by_label("At").fill("0:20")
    changed.get_by_role("button", name="Save").click()
    until(page, "document.querySelectorAll('#notes .moment')[1].textContent === '0:20'")
    assert page.locator("#new-note").get_by_label("Note, or empty").input_value() == "begun"
    page.locator("#notes summary").last.click()
    page.locator("#notes li").last.get_by_role("button", name="Delete").click()
    noted(page, 1)
    # Signed out meanwhile: what was written is not lost.
    page.context.clear_cookies(name="console")
    page.get_by_role("button", name="Add").click()
    until(page, "document.querySelector('#notes .told').textContent !== ''")
    assert "still signed in" in page.locator("#notes .told").inner_text()
    assert page.locator("#new-note").get_by_label("Note, or empty").input_value() == "begun"
    assert page.evaluate("window.violations") == []


@pytest.mark.parametrize("view", VIEWS)
def test_notes_are_seen_and_read(
    listener: Listener, house: House, caller: Tenant, conversation: str, *, view: str, tmp_path: Path
):
    """Nothing that axe finds, in light and dark, on a phone and on a screen."""
    page = listener.page
    shown(page, *VIEWS[view])
    entered(page.context, house, caller)
    listener.open(caller, conversation)
    page.locator("#new-note").get_by_label("Note, or empty").fill(
        "Asks for a refund.\nThe agent offers a voucher instead, twice."
    )
    page.get_by_role("button", name="Add").click()
    noted(page, 1)
    listener.seek(0.7)
    page.get_by_role("button", name="Add").click()
    noted(page, 2)
    page.locator("#notes summary").last.click()
    assert fits(page)
    page.screenshot(path=tmp_path / f"notes-{view}.png", full_page=True)
    assert violations(page) == []
    listener.unharmed()


def test_notes_without_scripts(house: House, caller: Tenant, alone: str, chrome: Browser):
    """Plain forms, which lead back to the page."""
    context = chrome.new_context(java_script_enabled=False, base_url=house.url)
    entered(context, house, caller)
    page = context.new_page()
    heard = complaints(page)
    page.goto(caller.link(alone)["url"])
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("textbox", name="At").fill("0:12")
    page.get_by_label("Note, or empty").fill("says goodbye")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/s/sess_*#notes")
    assert page.locator("#notes li p").inner_text() == "says goodbye"
    page.locator("#notes summary").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Delete").click()
    assert page.locator("#notes li").count() == 0
    assert heard == []
    context.close()
