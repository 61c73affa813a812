"""Removed ranges in the player, in Chromium: striped in the waveform, in words, and said while they are played."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.player import CONVERSATION, LOADED, Listener, fits, name_voices, shown, views
from tests.support.chromium import until
from tests.support.console import violations
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
VIEWS = views((360, 740), (1100, 900))
#: How many pixels of a lane have colour, from one share of the waveform's width to another.
PAINTED = """([lane, from, to]) => {
  const canvas = document.querySelector('canvas'), half = canvas.height / 2;
  const left = Math.round(from * canvas.width), width = Math.round((to - from) * canvas.width);
  const { data } = canvas.getContext('2d').getImageData(left, lane * half + half / 4, width, half / 8);
  return [...data].filter((value, at) => at % 4 === 3 && value > 60).length;
}"""


@pytest.fixture(scope="module")
def cut(house: House, caller: Tenant) -> str:
    """Thirty seconds on two channels, of which two ranges were removed: the second of one channel alone."""
    recording = caller.uploaded(CONVERSATION, call="cut", ref="cut")
    name_voices(house, recording, "caller", "callee")
    there = caller.url(f"/recordings/{recording}/redactions")
    for span in ({"from": 4, "to": 7.5}, {"from": 14, "to": 17, "channels": [1]}):
        answer = caller.http.post(there, json={"ranges": [span], "reason": "card data"})
        assert answer.status_code == 200, answer.text
    return recording


@pytest.mark.parametrize("view", VIEWS)
def test_what_was_removed_is_no_silence(
    listener: Listener, caller: Tenant, cut: str, tmp_path: Path, view: str
):
    """Stripes on the channels of the range and nowhere else, also where a channel says nothing; words below."""
    page, (scheme, size) = listener.page, VIEWS[view]
    shown(page, scheme, size)
    listener.open(caller, cut)
    until(page, LOADED)
    striped = [(0, 4, 7.5), (1, 4, 7.5), (1, 14, 17)]
    bare = [(0, 14, 17)]
    counts = [page.evaluate(PAINTED, [lane, a / 30, b / 30]) for lane, a, b in striped + bare]
    assert [count > 20 for count in counts] == [True] * 3 + [False], counts
    assert page.locator("#removed li p").all_inner_texts() == ["Removed: 4 seconds", "Removed: 3 seconds"]
    page.screenshot(path=tmp_path / f"removed-{view}.png", full_page=True)
    assert fits(page)
    assert violations(page) == []
    listener.unharmed()


def test_it_is_said_while_it_plays(listener: Listener, caller: Tenant, cut: str):
    """The line comes with the range and goes with it; its entry in the list leads there, by keyboard."""
    page = listener.page
    listener.open(caller, cut)
    line = page.locator("#removed-here")
    assert line.inner_text() == ""
    page.locator("#removed .moment").first.focus()
    page.keyboard.press("Enter")
    until(page, "Math.abs(document.querySelector('audio').currentTime - 4) < 0.01")
    assert line.inner_text() == "Removed: 4 seconds"
    listener.put(7.2)
    listener.button("Play").click()
    until(page, "document.querySelector('audio').currentTime > 7.6")
    assert line.inner_text() == ""
    listener.unharmed()


def test_without_scripts_the_words_are_there(chrome: Browser, caller: Tenant, cut: str):
    """The list is part of the page."""
    with chrome.new_context(java_script_enabled=False) as context:
        page: Page = context.new_page()
        page.goto(caller.link(cut)["url"])
        page.get_by_role("button", name="Listen").click()
        page.wait_for_url("**/s/sess_*")
        assert page.locator("#removed li p").all_inner_texts() == ["Removed: 4 seconds", "Removed: 3 seconds"]
