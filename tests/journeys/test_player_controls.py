"""What a listener has besides Play: volume, silence, speakers, repetition, zoom, links to a moment, shortcuts."""

import pytest

from tests.journeys.player import FIRST, LOADED, SECOND, Listener, dual, mono, name_voices
from tests.support.chromium import until
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
AUDIO = "document.querySelector('audio')"


@pytest.fixture(scope="session")
def gaps(house: House, caller: Tenant) -> str:
    """A minute and a half: the first speaks with a pause, silence, the second, silence, the first again."""
    audio = dual(
        (FIRST, 0, 4), (0, 0, 2), (FIRST, 0, 4), (0, 0, 15), (0, SECOND, 10), (0, 0, 15), (FIRST, 0, 40)
    )
    recording = caller.uploaded(audio, call="gaps", ref="gaps")
    name_voices(house, recording, "caller", "callee")
    return recording


@pytest.fixture(scope="session")
def lecture(caller: Tenant) -> str:
    """Ten minutes of one channel."""
    return caller.uploaded(mono(600), call="lecture", ref="lecture")


def press(listener: Listener, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        listener.page.keyboard.press(key)


def note_positions(listener: Listener) -> None:
    """From now on, keep every position that is played: after the player's own steps, which are taken before."""
    keep = f"{AUDIO}.addEventListener('timeupdate', () => heard.push({AUDIO}.currentTime))"
    listener.page.evaluate(f"(window.heard = [], {keep})")


def played(listener: Listener, start: float, expression: str) -> None:
    """Play from a position until an expression of the noted ones is true, and pause."""
    listener.put(start)
    listener.settle()
    listener.page.evaluate("heard.length = 0")
    listener.button("Play").click()
    until(listener.page, expression)
    listener.button("Pause").click()


def told(listener: Listener) -> str:
    """Return what the screen reader was told last."""
    return listener.page.locator("#said").inner_text()


def test_silence_is_skipped_while_it_plays(listener: Listener, caller: Tenant, gaps: str):
    """Only where it was asked for, and of the channel that is heard; nothing is skipped while paused."""
    listener.open(caller, gaps)
    until(listener.page, LOADED)
    note_positions(listener)
    played(listener, 9.5, "heard.some(at => at > 11 && at < 24)")
    listener.button("Skip silence").click()
    assert told(listener) == "Silence is skipped."
    played(listener, 12, "heard.some(at => at > 24)")
    assert listener.page.evaluate("heard.filter(at => at > 12.5 && at < 24)") == []
    assert listener.page.evaluate("heard.find(at => at > 24)") < 35
    # While the second speaks, the first is silent.
    listener.page.get_by_role("radio", name="Caller").check()
    played(listener, 27, "heard.some(at => at > 49)")
    assert listener.page.evaluate("heard.filter(at => at > 27.5 && at < 49)") == []
    listener.put(15)
    listener.page.wait_for_timeout(500)
    assert listener.at == 15
    listener.page.reload()
    until(listener.page, LOADED)
    assert listener.button("Skip silence").get_attribute("aria-pressed") == "true"
    listener.unharmed()


def test_a_press_leads_to_the_next_speaker(listener: Listener, caller: Tenant, gaps: str):
    """A moment before they begin, forwards and backwards; where there is none, the reader is told."""
    listener.open(caller, gaps)
    until(listener.page, LOADED)
    for expected in (25, 50):
        listener.button("Next speaker").click()
        assert listener.at == pytest.approx(expected - 0.25, abs=0.1)
    listener.button("Next speaker").click()
    assert told(listener) == "Nobody else speaks there."
    listener.put(55)
    for expected in (49.75, 24.75, 0):
        press(listener, "p")
        assert listener.at == pytest.approx(expected, abs=0.1)
    listener.unharmed()


def test_one_channel_is_divided_by_its_pauses(listener: Listener, caller: Tenant):
    """Without a second channel the press leads to where sound begins again."""
    recording = caller.uploaded(dual((FIRST, FIRST, 5), (0, 0, 5), (FIRST, FIRST, 5)), ref="pauses")
    listener.open(caller, recording)
    until(listener.page, LOADED)
    assert listener.button("Next speaker").count() == 1
    alone = caller.uploaded(mono(5), ref="no pauses")
    listener.open(caller, alone)
    until(listener.page, LOADED)
    listener.button("Next part with sound").click()
    assert told(listener) == "Nobody else speaks there."


def test_a_part_is_repeated(listener: Listener, caller: Tenant, alone: str):
    """From A up to B and again, until it is ended; also when B is the end of the recording."""
    listener.open(caller, alone)
    listener.put(10)
    listener.button("Repeat from here").click()
    assert told(listener) == "Repeats from 10 seconds."
    listener.put(11)
    press(listener, "b")
    assert told(listener) == "Repeats from 10 seconds to 11 seconds."
    listener.page.evaluate(f"window.seeks = 0; {AUDIO}.addEventListener('seeking', () => window.seeks++);")
    note_positions(listener)
    listener.button("Play").click()
    until(listener.page, "window.seeks >= 2")
    assert listener.page.evaluate("heard.filter(at => at < 9.9 || at > 11.9)") == []
    listener.button("End the repetition").click()
    until(listener.page, f"{AUDIO}.currentTime > 11.6")
    listener.button("Pause").click()
    listener.put(29)
    press(listener, "a")
    press(listener, "End", "b")
    listener.page.evaluate("window.seeks = 0")
    listener.put(29)
    listener.button("Play").click()
    until(listener.page, "window.seeks >= 3")
    # At the very end the element pauses for a moment before it begins again.
    until(listener.page, f"!{AUDIO}.paused")
    press(listener, "r")
    until(listener.page, f"{AUDIO}.ended")
    listener.unharmed()


def test_the_volume_is_kept(listener: Listener, caller: Tenant, alone: str):
    """By the slider and by mute, and in this browser for the next recording."""
    listener.open(caller, alone)
    page = listener.page
    page.get_by_role("slider", name="Volume").fill("0.4")
    assert page.evaluate(f"{AUDIO}.volume") == 0.4
    listener.button("Mute").click()
    until(page, f"{AUDIO}.muted && document.querySelector('#volume').value === '0'")
    press(listener, "m")
    assert page.evaluate(f"{AUDIO}.muted") is False
    page.get_by_role("slider", name="Volume").fill("0")
    listener.button("Sound on").click()
    page.get_by_role("slider", name="Volume").fill("0.4")
    listener.open(caller, alone)
    assert page.evaluate(f"{AUDIO}.volume") == 0.4
    # Arrows on the slider change the volume, not the position.
    page.get_by_role("slider", name="Volume").focus()
    press(listener, "ArrowLeft")
    assert listener.at == 0
    assert page.evaluate(f"{AUDIO}.volume") == pytest.approx(0.35)
    listener.unharmed()


def test_a_long_waveform_is_zoomed(listener: Listener, caller: Tenant, lecture: str):
    """A click lands where the zoomed picture says, the picture follows the position, and the strip moves it."""
    listener.open(caller, lecture)
    page = listener.page
    until(page, LOADED)
    assert page.locator("#overview").is_hidden()
    assert listener.button("Zoom out").get_attribute("aria-disabled") == "true"
    listener.seek(0.5)
    for _ in range(2):
        listener.button("Zoom in").click()
    assert told(listener) == "From 3 minutes 45 seconds to 6 minutes 15 seconds"
    listener.seek(0.9)
    assert listener.at == pytest.approx(225 + 0.9 * 150, abs=1)
    press(listener, "End")
    listener.seek(0.5)
    assert listener.at == pytest.approx(525, abs=2)
    page.locator("#overview").click(position={"x": 1, "y": 4})
    listener.seek(0.5)
    assert listener.at == pytest.approx(75, abs=2)
    press(listener, "+", "+", "+", "+", "+", "+")
    assert listener.button("Zoom in").get_attribute("aria-disabled") == "true"
    for _ in range(8):
        press(listener, "-")
    assert page.locator("#overview").is_hidden()
    listener.unharmed()


def test_a_moment_is_linked(listener: Listener, caller: Tenant, alone: str):
    """The link's own address hands its moment on over the button, and over Continue; the player copies one."""
    page = listener.page
    url = caller.link(alone)["url"]
    page.goto(f"{url}#t=0:12")
    listener.button("Listen").click()
    page.wait_for_url("**/s/sess_*#t=0:12")
    until(page, f"{AUDIO}.currentTime === 12")
    page.goto(f"{url}#t=20")
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/s/sess_*#t=20")
    until(page, f"{AUDIO}.currentTime === 20")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    listener.button("Copy link to 0:20").click()
    page.get_by_text("Copied. The link works in this browser until the session ends.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.url
    assert copied.endswith("#t=20")
    other = Listener(page.context.new_page())
    other.page.goto(copied)
    until(other.page, f"{AUDIO}.currentTime === 20")
    listener.unharmed()


def test_a_listener_goes_on_where_they_stopped(listener: Listener, caller: Tenant, lecture: str):
    """In another tab and another session of the same link, with one press back to the start; not for another link."""
    page = listener.page
    link = listener.open(caller, lecture)
    listener.put(300)
    page.get_by_role("combobox", name="Speed").select_option("1.5")
    page.goto("about:blank")
    page.goto(link["url"])
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url("**/s/sess_*")
    until(page, f"{AUDIO}.currentTime === 300")
    assert page.get_by_text("Continued where you stopped.").is_visible()
    assert page.get_by_role("combobox", name="Speed").input_value() == "1.5"
    page.context.clear_cookies()
    page.goto(link["url"])
    listener.button("Listen").click()
    page.wait_for_url("**/s/sess_*")
    until(page, f"{AUDIO}.currentTime === 300")
    listener.button("From the start").click()
    assert listener.at == 0
    assert page.get_by_text("Continued where you stopped.").is_hidden()
    listener.open(caller, lecture)
    assert listener.at == 0
    listener.unharmed()


def test_shortcuts_are_listed_and_can_be_switched_off(listener: Listener, caller: Tenant, alone: str):
    """The dialog names each; while it is open none acts; without single keys the arrows and Space still do."""
    listener.open(caller, alone)
    page = listener.page
    press(listener, "?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    dialog.wait_for()
    assert dialog.locator("dt").count() == 12
    press(listener, "l")
    assert listener.at == 0
    dialog.get_by_role("checkbox").uncheck()
    press(listener, "Escape")
    dialog.wait_for(state="hidden")
    # Until the browser draws again, the box that is hidden with the dialog has the focus, and keeps every key.
    until(page, "document.activeElement === document.body")
    press(listener, "l")
    assert listener.at == 0
    press(listener, "ArrowRight")
    until(page, f"{AUDIO}.currentTime === 5")
    listener.open(caller, alone)
    press(listener, "l", "m", ">")
    assert (listener.at, page.evaluate(f"[{AUDIO}.muted, {AUDIO}.playbackRate]")) == (0, [False, 1])
    listener.button("Keyboard shortcuts").click()
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Close").click()
    press(listener, ">")
    assert told(listener).startswith("Speed 1.25")
    press(listener, "<", "<")
    assert page.evaluate(f"{AUDIO}.playbackRate") == 0.75
    listener.unharmed()
