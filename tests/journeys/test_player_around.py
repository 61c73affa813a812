"""What is before and after a part, in Chromium: heard without the part, by the mouse and by the keyboard."""

from pathlib import Path

import pytest

from tests.journeys.player import CONVERSATION, Listener, fits, mono, shown, views
from tests.support import corpus
from tests.support.chromium import until
from tests.support.console import violations
from tests.support.tenant import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
VIEWS = views((360, 740), (1100, 900))
#: The sample frames of the conversation, of two bytes, behind a header of 46.
RATE, FRAME, FIRST = 8000, 2, 46
TOLD = "document.querySelector('#told-now').textContent"


def marked(listener: Listener, begin: float, end: float) -> None:
    """Set A and B without playing."""
    for name, at in (("Repeat from here", begin), ("Repeat up to here", end)):
        listener.put(at)
        listener.settle()
        listener.button(name).click()


def granted(tenant: Tenant, recording: str) -> list[tuple[int, int]]:
    """Return the windows of bytes that the log grants."""
    events = tenant.events(recording)
    return [(one["first"], one["end"]) for one in events if one["type"] == "playback.grant"]


def test_both_sides_are_heard_and_the_part_is_not(listener: Listener, caller: Tenant):
    """By the keyboard. The browser gets the four seconds on each side, and the log grants nothing else."""
    page, recording = listener.page, caller.uploaded(CONVERSATION, call="around", ref="around")
    listener.open(caller, recording)
    button = listener.button("Hear before and after")
    assert button.get_attribute("aria-disabled") == "true"
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(TOLD) == "Set A and B first."
    marked(listener, 8, 12)
    assert button.get_attribute("aria-disabled") == "false"
    before = set(granted(caller, recording))
    asked = list[str]()
    page.on("request", lambda one: asked.append(one.url.rpartition("/")[2]))
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(TOLD).startswith("Before it")
    until(page, f"{TOLD}.startsWith('After it')")
    until(page, "document.querySelector('#around').getAttribute('aria-pressed') === 'false'")
    parts = [one for one in asked if one.startswith("part")]
    assert sorted(set(parts)) == ["part?from=12.000&to=16.000", "part?from=4.000&to=8.000"]
    windows = set(granted(caller, recording)) - before
    assert windows == {
        (FIRST + FRAME * RATE * begin, FIRST + FRAME * RATE * (begin + 4)) for begin in (4, 12)
    }
    listener.unharmed()


def test_a_compressed_recording_says_that_it_cannot(listener: Listener, caller: Tenant):
    """The sentence is shown, and the button can be pressed again."""
    audio = corpus.encode("mp3", "mp3", corpus.tones(12.0, rate=8000), rate=8000)
    listener.open(caller, caller.uploaded(audio, call="mp3", ref="mp3"))
    marked(listener, 5, 7)
    listener.button("Hear before and after").click()
    until(listener.page, f"{TOLD}.startsWith('No part of this recording')")
    assert listener.button("Hear before and after").get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("view", VIEWS)
def test_it_fits(listener: Listener, caller: Tenant, tmp_path: Path, view: str):
    """On a phone and a desk, in both schemes."""
    scheme, size = VIEWS[view]
    shown(listener.page, scheme, size)
    listener.open(caller, caller.uploaded(mono(20), call="fits", ref=f"fits-{view}"))
    marked(listener, 5, 7)
    listener.page.screenshot(path=tmp_path / f"around-{view}.png", full_page=True)
    assert fits(listener.page)
    assert violations(listener.page) == []
