"""What the page says while the audio does not come.

A person with a browser: opens the link, presses Listen, and hears the call.

What a reload keeps, and where an address leads.
"""

import json
import time

import pytest
from playwright.sync_api import Page

from tests.journeys.player import Listener
from tests.support.chromium import complaints, until
from tests.support.tenant import Tenant, tone

pytestmark = pytest.mark.browser
PAUSED = "document.querySelector('audio').paused"
READY = "document.querySelector('#controls')?.hidden === false"


def test_a_listener_presses_the_button_and_hears_the_call(page: Page, tenant: Tenant):
    """The inert page, one press, the player: time advances, a seek reaches the end, nothing is blocked."""
    errors = complaints(page)
    recording = tenant.uploaded(tone(60.0))
    page.goto(tenant.link(recording, sessions=1)["url"])
    assert "logged" in page.inner_text("main")
    assert "playback.open" not in tenant.types(recording)
    violations = page.evaluate("window.violations")
    page.get_by_role("button", name="Listen").click()
    page.wait_for_url("**/s/sess_*")
    audio = "document.querySelector('audio')"
    page.get_by_role("button", name="Play").click()
    until(page, f"{audio}.currentTime > 0.3")
    assert page.evaluate(f"{audio}.duration") == pytest.approx(60.0, abs=0.1)
    page.evaluate(f"{audio}.currentTime = 59.5")
    until(page, f"{audio}.ended")
    assert page.evaluate(f"{audio}.error") is None
    assert (violations, page.evaluate("window.violations"), errors) == ([], [], [])
    kinds = tenant.types(recording)
    assert kinds.count("playback.open") == 1
    assert "playback.grant" in kinds


def test_a_link_that_is_used_up_says_so_kindly(page: Page, tenant: Tenant):
    """The second browser gets the friendly page, and no player."""
    url = tenant.link(tenant.uploaded(tone(1.0)), sessions=1)["url"]
    tenant.http.post(f"{url}/open", data={"nonce": "somebody else"})
    page.goto(url)
    page.get_by_role("button", name="Listen").click()
    page.get_by_text("Ask the person who sent it for a new one").first.wait_for()
    assert page.evaluate("window.violations") == []


@pytest.mark.xdist_group("player")
def test_a_reload_keeps_place_speed_and_channel(listener: Listener, caller: Tenant, conversation: str):
    """All three are as they were, nothing was granted for it, and Play goes on from there."""
    listener.open(caller, conversation)
    page = listener.page
    listener.seek(0.5)
    page.get_by_role("combobox", name="Speed").select_option("1.5")
    page.get_by_role("radio", name="Agent").check()
    before = caller.types(conversation).count("playback.grant")
    page.reload()
    until(page, READY)
    assert listener.at == pytest.approx(15, abs=0.2)
    assert page.locator("#now").inner_text() in {"0:14", "0:15"}
    assert page.get_by_role("combobox", name="Speed").input_value() == "1.5"
    assert page.get_by_role("radio", name="Agent").is_checked()
    assert caller.types(conversation).count("playback.grant") == before
    listener.button("Play").click()
    until(page, "document.querySelector('audio').currentTime > 15.3")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.5
    listener.unharmed()


@pytest.mark.xdist_group("player")
def test_an_address_leads_to_a_moment(listener: Listener, caller: Tenant, alone: str):
    """In a new tab, and in the one that is open; what is no moment leads nowhere."""
    listener.open(caller, alone)
    address = listener.address
    for asked, there in [("0:12", 12), ("7.5", 7.5), ("soon", 7.5), ("999", 29.99)]:
        listener.page.goto(f"{address}#t={asked}")
        until(listener.page, f"Math.abs(document.querySelector('audio').currentTime - {there}) < 0.01")
    other = listener.page.context.new_page()
    other.goto(f"{address}#t=20")
    until(other, READY)
    assert other.evaluate("document.querySelector('audio').currentTime") == 20
    listener.unharmed()


@pytest.mark.xdist_group("player")
def test_a_tab_that_begins_to_play_pauses_the_other(listener: Listener, caller: Tenant, duet: str):
    """Two tabs of one session take turns; a tab of another session plays on."""
    page = listener.page
    listener.open(caller, duet)
    third = Listener(page.context.new_page())
    third.open(caller, duet)
    second = Listener(page.context.new_page())
    second.page.goto(listener.address)
    until(second.page, READY)
    for one in (third, listener, second):
        one.button("Play").click()
        until(one.page, f"!{PAUSED}")
    until(page, PAUSED)
    listener.button("Play").wait_for()
    assert second.playing
    listener.button("Play").click()
    until(second.page, PAUSED)
    assert listener.playing
    assert third.playing
    listener.unharmed()
    second.unharmed()


@pytest.mark.xdist_group("player")
def test_a_retry_does_not_play_over_another_tab(listener: Listener, caller: Tenant, duet: str):
    """Audio that fails, and comes again after the other tab began, stays paused where it was."""
    page = listener.page
    listener.open(caller, duet)
    second = Listener(page.context.new_page())
    second.page.goto(listener.address)
    until(second.page, READY)
    page.route("**/audio*", lambda route: route.abort())
    listener.button("Play").click()
    until(page, "document.querySelector('audio').error !== null")
    second.button("Play").click()
    until(second.page, f"!{PAUSED} && document.querySelector('audio').currentTime > 0.2")
    page.unroute("**/audio*")
    until(page, "document.querySelector('audio').readyState >= 1", seconds=60)
    page.wait_for_timeout(300)
    assert not listener.playing
    assert second.playing


def words_until(page: Page, last: str) -> list[str]:
    """Let the page's clock run until it says the last words; return each sentence that it said, in order."""
    said: list[str] = []
    deadline = time.monotonic() + 60
    while not said or last not in said[-1]:
        page.clock.run_for(1000)
        # Answers come in their own time, however fast the page's clock runs.
        page.wait_for_timeout(20)
        text = page.locator("#trouble span").inner_text()
        said += [text] if text and text not in said else []
        assert time.monotonic() < deadline, said
    return said


@pytest.mark.xdist_group("player")
def test_audio_that_never_comes_is_no_fault_of_the_connection(listener: Listener, caller: Tenant, alone: str):
    """The vault answers and the audio does not, as where it was changed: the page tries, then says so."""
    page = listener.page
    page.clock.install()
    listener.open(caller, alone)
    page.context.route("**/audio*", lambda route: route.fulfill(status=500))
    listener.button("Play").click()
    assert words_until(page, "cannot be played") == [
        "The audio does not load. The player retries automatically.",
        "This part of the recording cannot be played. Try again, or tell the person who sent the link.",
    ]


@pytest.mark.xdist_group("player")
def test_missing_audio_is_told_as_missing(listener: Listener, caller: Tenant, alone: str):
    """The vault says 503 with a reason: nobody is told that the recording is damaged, and Try again asks once more."""
    page = listener.page
    page.clock.install()
    listener.open(caller, alone)
    problem = json.dumps({"status": 503, "reasons": ["recording_missing"]})
    page.context.route(
        "**/audio*",
        lambda route: route.fulfill(status=503, body=problem, content_type="application/problem+json"),
    )
    listener.button("Play").click()
    assert words_until(page, "missing") == [
        "The audio does not load. The player retries automatically.",
        "The audio of this recording is missing at the moment. It was reported, and plays here again once it is back.",
    ]


@pytest.mark.xdist_group("player")
def test_an_end_that_is_not_announced_is_an_end(listener: Listener, caller: Tenant, alone: str):
    """WebKitGTK was seen to end with a seek while it plays on, without an event: Play plays from the start again."""
    page = listener.page
    listener.open(caller, alone)
    listener.button("Play").click()
    listener.seek(0.8)
    until(page, "!document.querySelector('audio').seeking && document.querySelector('audio').currentTime > 1")
    paused = page.evaluate("""() => {
      const audio = document.querySelector("audio");
      Object.defineProperty(audio, "ended", { get: () => true });
      audio.dispatchEvent(new Event("seeked"));
      return audio.paused;
    }""")
    assert paused
    listener.button("Play").wait_for()
    before = listener.at
    listener.button("Play").click()
    until(
        page,
        f"!document.querySelector('audio').paused && document.querySelector('audio').currentTime < {before}",
    )
    listener.unharmed()
