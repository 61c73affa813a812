"""What the page says while the audio does not come."""

import json
import time

import pytest
from playwright.sync_api import Page

from tests.journeys.player import Listener
from tests.support.chromium import until
from tests.support.tenant import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]


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
