"""The player under a listener's hands: play, seek, speed, channels, keys, and every way in which it ends."""

from collections.abc import Callable

import pytest

from tests.journeys.player import (
    FIRST,
    SECOND,
    Listener,
    dual,
    end_session,
    mono,
)
from tests.support.chromium import until
from tests.support.counts import count
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
#: Clicks and drags hit whole pixels of a waveform that is some hundred wide.
PIXELS = 1 / 300
SILENCE = 0.005


@pytest.fixture(scope="session")
def long(caller: Tenant) -> tuple[str, int, int]:
    """A long call, its seconds and its bytes; the first channel has another tone in each tenth of it."""
    minutes = count("minutes of a long call", small=20, full=120)
    audio = dual(*((FIRST + 200 * tenth, 0, 6 * minutes) for tenth in range(10)))
    return caller.uploaded(audio, call="long", ref="long"), 60 * minutes, len(audio)


def test_one_channel_is_played_and_sought(listener: Listener, caller: Tenant, alone: str):
    """The button plays and pauses, clicks and drags and jumps land where they should, nothing is blocked."""
    listener.open(caller, alone)
    listener.button("Play").click()
    until(listener.page, "document.querySelector('audio').currentTime > 0.5")
    listener.button("Pause").click()
    assert not listener.playing
    for share in (0.9, 0.1, 0.5, 0.02):
        listener.seek(share)
        assert listener.at == pytest.approx(30 * share, abs=30 * PIXELS)
    listener.seek(0.5)
    for name, moved in [("Forward 10 seconds", 10), ("Back 10 seconds", -10), ("Back 10 seconds", -10)]:
        before = listener.at
        listener.button(name).click()
        assert listener.at == pytest.approx(before + moved, abs=0.01)
    listener.button("Back 10 seconds").click()
    assert listener.at == 0
    assert listener.page.locator("#now").inner_text() == "0:00"
    assert listener.page.locator("#total").inner_text() == "0:30"
    # There is nothing to choose, and the sound goes no detour.
    assert listener.page.get_by_role("radio").count() == 0
    assert listener.page.evaluate("window.ears") == []
    listener.unharmed()


def test_a_drag_is_one_seek(listener: Listener, caller: Tenant, alone: str):
    """Every seek is an access on record: what lies under the pointer on the way is not asked for."""
    listener.open(caller, alone)
    listener.button("Play").click()
    until(listener.page, "document.querySelector('audio').currentTime > 0")
    listener.button("Pause").click()
    listener.page.evaluate("""window.seeks = 0;
        document.querySelector('audio').addEventListener('seeking', () => window.seeks++);""")
    box = listener.slider.bounding_box()
    assert box is not None
    mouse, y = listener.page.mouse, box["y"] + 20
    mouse.move(box["x"] + 0.2 * box["width"], y)
    mouse.down()
    for share in (0.3, 0.5, 0.7, 0.81):
        mouse.move(box["x"] + share * box["width"], y)
    assert listener.page.locator("#bubble").inner_text() == "0:24"
    assert listener.page.evaluate("window.seeks") == 0
    mouse.up()
    listener.settle()
    assert listener.at == pytest.approx(24.3, abs=30 * PIXELS)
    assert listener.page.evaluate("window.seeks") == 1


@pytest.mark.parametrize("speed", ["0.5", "1.75", "3"])
def test_a_speed_keeps_the_pitch(listener: Listener, caller: Tenant, duet: str, speed: str):
    """Time goes by as fast as was chosen, and the tone stays the tone that it was."""
    listener.open(caller, duet)
    listener.seek(0.3)
    speeds = listener.page.get_by_role("combobox", name="Speed").inner_text().split()
    assert [one[:-1] for one in speeds] == ["0.5", "0.75", "1", "1.25", "1.5", "1.75", "2", "3"]
    listener.page.get_by_role("combobox", name="Speed").select_option(speed)
    listener.page.get_by_role("radio", name="Customer").check()
    listener.button("Play").click()
    (loud, hertz), _ = listener.hears()
    assert loud > SILENCE
    assert hertz == pytest.approx(FIRST, rel=0.05)
    # On a busy machine the sound may stand still for a moment, so one of several measures has to fit.
    measured = [listener.measured_speed()]
    while measured[-1] != pytest.approx(float(speed), rel=0.15):
        assert len(measured) < 5, measured
        measured.append(listener.measured_speed())
    assert listener.page.evaluate("document.querySelector('audio').preservesPitch") is True


def test_a_channel_that_is_not_chosen_is_silent(listener: Listener, caller: Tenant, duet: str):
    """One voice fills both sides and the other is gone; both are as they were recorded."""
    listener.open(caller, duet)
    listener.seek(0.75)
    listener.page.get_by_role("radio", name="Agent").check()
    listener.button("Play").click()
    for choice, heard in [
        ("Agent", (SECOND, SECOND)),
        ("Customer", (FIRST, FIRST)),
        ("Both", (FIRST, SECOND)),
    ]:
        listener.page.get_by_role("radio", name=choice).check()
        sides = listener.hears()
        assert [hertz for _, hertz in sides] == pytest.approx(list(heard), rel=0.03), choice
        assert min(loud for loud, _ in sides) > SILENCE, choice
    # Where the customer says nothing, a listener to the customer hears nothing.
    listener.page.get_by_role("radio", name="Customer").check()
    listener.seek(0.1)
    assert max(loud for loud, _ in listener.hears()) < SILENCE
    listener.unharmed()


#: A key, and where it leads from the middle of thirty seconds.
KEYS = [("ArrowLeft", 10), ("ArrowRight", 20), ("j", 5), ("L", 25), ("Home", 0), ("End", 30)]


def test_keys_do_what_the_help_line_says(listener: Listener, caller: Tenant, conversation: str):
    """Space and K play and pause, the others move; in a choice the arrows stay with the choice."""
    listener.open(caller, conversation)
    for key in (" ", "k"):
        listener.page.keyboard.press(key)
        assert listener.playing, key
        listener.page.keyboard.press(key)
        assert not listener.playing, key
    for key, expected in KEYS:
        listener.put(15)
        listener.page.keyboard.press(key)
        assert listener.at == pytest.approx(expected, abs=0.05), key
    listener.put(15)
    listener.page.get_by_role("radio", name="Both").focus()
    listener.page.keyboard.press("ArrowRight")
    assert listener.page.get_by_role("radio", name="Customer").is_checked()
    listener.page.keyboard.press("Control+l")
    assert listener.at == 15
    listener.slider.focus()
    for key, expected in [("ArrowUp", 20), ("PageUp", 23), ("PageDown", 20), ("ArrowDown", 15)]:
        listener.page.keyboard.press(key)
        assert listener.at == pytest.approx(expected, abs=0.05), key
    assert listener.slider.get_attribute("aria-valuetext") == "15 seconds of 30 seconds"
    listener.button("Play").focus()
    listener.page.keyboard.press(" ")
    assert listener.playing
    listener.unharmed()


@pytest.mark.faults
def test_long_calls_are_sought_by_range(listener: Listener, caller: Tenant, long: tuple[str, int, int]):
    """At each point of a long call the sound is that of the point, and was asked for from there on."""
    recording, seconds, size = long
    listener.open(caller, recording)
    listener.note_landings()
    listener.page.get_by_role("radio", name="Channel 1").check()
    listener.time_sounds()
    listener.button("Play").click()
    listener.hears()
    for share in (0.95, 0.05, 0.55, 0.75, 0.15):
        listener.seek(share)
        listener.settle()
        assert listener.landed == pytest.approx(seconds * share, abs=seconds * PIXELS + 1)
        _, hertz = listener.hears()[0]
        assert hertz == pytest.approx(FIRST + 200 * int(10 * share), rel=0.03)
    events = caller.events(recording)
    begun = {event["first"] for event in events if event["type"] == "playback.grant"}
    for share in (0.95, 0.55, 0.75):
        assert any(abs(first / size - share) < 2 * PIXELS for first in begun), share
    sent = sum(event["end"] for event in events if event["type"] == "playback.end")
    print(f"{sent} of {size} bytes were sent")
    click, *seeks = [round(one) for one in listener.waited()]
    print(f"milliseconds from click to sound: {click}; from seek to sound: {', '.join(map(str, seeks))}")
    assert len(seeks) == 5
    listener.page.get_by_role("combobox", name="Speed").select_option("1.5")
    listener.page.get_by_role("radio", name="Both").check()
    _, hertz = listener.hears()[0]
    assert hertz == pytest.approx(FIRST + 200 * 1, rel=0.03)
    listener.unharmed()


ENDINGS: dict[str, Callable[[House, Tenant, Listener, str, str], object]] = {
    "This link was withdrawn": lambda house, tenant, _, recording, link: house.admin.delete(
        tenant.url(f"/recordings/{recording}/links/{link}")
    ),
    "This recording was erased": lambda house, tenant, _, recording, __: house.admin.delete(
        tenant.url(f"/recordings/{recording}")
    ),
    "This recording is restricted": lambda house, tenant, _, recording, __: house.admin.put(
        tenant.url(f"/recordings/{recording}/restriction"), json={}
    ),
    "This session has ended": lambda house, _, listener, __, ___: end_session(house, listener.address),
}


@pytest.mark.parametrize("words", ENDINGS)
def test_a_player_says_why_it_ended(listener: Listener, house: House, words: str):
    """Within seconds the sound stops though the browser holds all of it, and the page says why, aloud."""
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(mono(30))
    link = listener.open(tenant, recording)
    listener.button("Play").click()
    until(listener.page, "(b => b.length > 0 && b.end(0) > 29.9)(document.querySelector('audio').buffered)")
    ENDINGS[words](house, tenant, listener, recording, link["id"])
    listener.page.get_by_role("heading", name=words).wait_for(timeout=30_000)
    alert = listener.page.get_by_role("alert")
    assert alert.is_visible()
    assert listener.page.evaluate("document.activeElement.textContent") == words
    assert not listener.playing
    assert listener.page.evaluate("document.querySelector('audio').getAttribute('src')") is None
    assert not listener.slider.is_visible()
    assert listener.page.evaluate("window.violations") == []


def test_a_player_that_rests_is_told_too(listener: Listener, house: House):
    """It asks by itself: without a request for audio nobody else would tell it."""
    tenant = Tenant.open(house.admin)
    recording = tenant.uploaded(mono(3))
    listener.open(tenant, recording)
    listener.page.wait_for_timeout(500)
    house.admin.put(tenant.url(f"/recordings/{recording}/restriction"), json={})
    listener.page.get_by_role("heading", name="This recording is restricted").wait_for()


def test_the_countdown_runs_out(listener: Listener, house: House, caller: Tenant, alone: str):
    """It shows what the vault says is left, warns in the last minute, and at zero the session is over."""
    listener.open(caller, alone)
    timer = listener.page.get_by_role("timer")
    assert timer.inner_text().startswith("Session ends in 4:")
    end_session(house, listener.address, seconds=30)
    listener.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(listener.page, "document.getElementById('said').textContent === 'The session ends in 1 minute.'")
    end_session(house, listener.address, seconds=3)
    listener.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    listener.page.get_by_role("heading", name="This session has ended").wait_for()
    assert not timer.is_visible()


@pytest.mark.parametrize("way", ["offline", "unreachable", "refused"])
def test_a_lost_connection_is_said_and_overcome(
    listener: Listener, caller: Tenant, long: tuple[str, int, int], way: str
):
    """The page says what to do, and goes on where it was: by itself, or by the button."""
    recording, seconds, _ = long
    listener.open(caller, recording)
    listener.button("Play").click()
    until(listener.page, "document.querySelector('audio').currentTime > 0.3")
    context = listener.page.context
    if way == "offline":
        context.set_offline(True)
    elif way == "unreachable":
        context.route("**/s/**", lambda route: route.abort("connectionfailed"))
    else:
        context.route("**/audio*", lambda route: route.fulfill(status=503))
    listener.seek(0.8)
    words = "The player retries" if way == "refused" else "Check your connection"
    trouble = listener.page.get_by_role("status").filter(has_text=words)
    trouble.wait_for()
    if way == "offline":
        context.set_offline(False)
    elif way == "refused":
        context.unroute("**/audio*")
    else:
        context.unroute("**/s/**")
        # Pressed by script, which can also press what the player's own next try hid a moment ago.
        listener.page.evaluate("document.querySelector('#trouble button').click()")
    trouble.wait_for(state="hidden")
    until(listener.page, f"document.querySelector('audio').currentTime > {0.79 * seconds}")
    assert listener.playing
    assert listener.page.evaluate("window.violations") == []
