"""The player in Chromium, Firefox and WebKitGTK: every format, the end, channels, a revoked link, an unplayed page.

WebKitGTK plays through GStreamer and Safari through AVFoundation, so this says nothing of Safari's codecs.
"""

import time
from collections.abc import Callable, Iterator
from functools import cache
from secrets import token_hex
from typing import Any

import pytest

from tests.journeys.player import FIRST, NOTE_LANDINGS, SECOND, dual
from tests.journeys.three_browsers import BROWSERS, Tab
from tests.support import corpus
from tests.support.chromium import HEAR, WATCH
from tests.support.format_table import note_format
from tests.support.tenant import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browsers")]
#: Long enough that no slow machine reaches the end before the test sends it there.
SECONDS = 20
AUDIO = "document.querySelector('audio')"
SILENCE = 0.005
#: Seconds that a busy machine may take for one step.
PATIENCE = 60


def made(container: str, codec: str, **how: Any) -> Callable[[], bytes]:
    """Return what codes two tones."""
    return lambda: corpus.encode(container, codec, corpus.tones(SECONDS), **how)


FORMATS: dict[str, Callable[[], bytes]] = {
    "WAV, PCM 16": made("wav", "pcm_s16le"),
    "WAV, PCM 8": made("wav", "pcm_u8"),
    "WAV, PCM 24": made("wav", "pcm_s24le"),
    "WAV, float": made("wav", "pcm_f32le"),
    "WAV, mu-law": made("wav", "pcm_mulaw"),
    "WAV, A-law": made("wav", "pcm_alaw"),
    "MP3": made("mp3", "libmp3lame"),
    "FLAC": made("flac", "flac"),
    "M4A, AAC": made("mp4", "aac"),
    "WebM, Opus": made("webm", "libopus", encoder_rate=48000),
    "Ogg, Opus": made("ogg", "libopus", encoder_rate=48000),
    "Ogg, Vorbis": made("ogg", "vorbis", options={"strict": "-2"}),
    "AMR, as its rendition": lambda: corpus.encode(
        "amr", "libopencore_amrnb", corpus.tones(SECONDS, channels=1)
    ),
}


@pytest.fixture(scope="module", params=BROWSERS)
def tab(request: pytest.FixtureRequest) -> Iterator[Tab]:
    """One tab of each browser, for all that it is to show."""
    with BROWSERS[request.param]() as tab:
        tab.resize(1100, 900)
        yield tab


@pytest.fixture(scope="module")
def recorded(caller: Tenant) -> Callable[[str], str]:
    """Return the recording of a format, uploaded once."""
    return cache(lambda name: caller.uploaded(FORMATS[name](), call=f"format {name}", ref=name))


@pytest.fixture(scope="module")
def hour(caller: Tenant) -> str:
    """One hour of two channels in mu-law: 57.6 MB."""
    return caller.uploaded(dual((FIRST, SECOND, 3600)), call="hour", ref="hour")


@pytest.fixture(scope="module")
def pause(caller: Tenant) -> str:
    """The first speaks, both are silent, the second speaks."""
    return caller.uploaded(dual((FIRST, 0, 3), (0, 0, 8), (0, SECOND, 120)), call="pause", ref="pause")


def until(tab: Tab, expression: str) -> Any:
    """Poll an expression."""
    deadline = time.monotonic() + PATIENCE
    while not (value := tab.run(expression)):
        assert time.monotonic() < deadline, f"Never true: {expression}; {state(tab)}"
        time.sleep(0.05)
    return value


def state(tab: Tab) -> Any:
    """Return what a failure should tell of the element."""
    return tab.run(
        f"({{at: {AUDIO}.currentTime, duration: {AUDIO}.duration, ended: {AUDIO}.ended, paused: {AUDIO}.paused,"
        f" ready: {AUDIO}.readyState, network: {AUDIO}.networkState, error: {AUDIO}.error?.message}})"
    )


def open_player(tab: Tab, tenant: Tenant, recording: str) -> dict[str, Any]:
    """Follow a new link to the player, and return the link."""
    link = tenant.link(recording, listener="Robin Doe, team lead")
    tab.goto(link["url"])
    tab.click("button[type=submit]")
    until(tab, "document.querySelector('#controls')?.hidden === false")
    return link


def play(tab: Tab) -> None:
    """Press Play and wait until time goes by."""
    tab.click("#play")
    until(tab, f"{AUDIO}.currentTime > 0.2")


def ends_well(tab: Tab) -> None:
    """Wait for the end; it is no failure, nothing began again, and Play plays again."""
    # While WebKit loads a file, an element at its beginning may call itself ended for a moment.
    until(tab, f"({AUDIO}.ended && {AUDIO}.currentTime > {SECONDS - 0.5}) || {AUDIO}.error")
    assert tab.run(f"{AUDIO}.error?.message ?? null") is None
    assert tab.run("document.querySelector('#trouble').hidden")
    until(tab, f"{AUDIO}.paused && document.querySelector('#play').getAttribute('aria-label') === 'Play'")
    again = f"!{AUDIO}.ended && {AUDIO}.currentTime > 0.1"
    deadline = time.monotonic() + PATIENCE
    while not tab.run(again):
        assert time.monotonic() < deadline, f"It did not begin again: {state(tab)}"
        # On a busy machine WebKit may end once more what was just begun again: a listener presses again.
        if tab.run(f"{AUDIO}.paused || {AUDIO}.ended"):
            tab.click("#play")
        time.sleep(0.1)


def granted(tenant: Tenant, recording: str) -> list[tuple[int, int]]:
    """Return the windows of bytes that listeners were granted, by the access log."""
    events = tenant.events(recording)
    return [(one["first"], one["end"]) for one in events if one["type"] == "playback.grant"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_played_sought_and_ended(
    tab: Tab,
    caller: Tenant,
    recorded: Callable[[str], str],
    name: str,
    request: pytest.FixtureRequest,
):
    """It loads, plays, goes where it was clicked, and ends."""
    note_format(request, name)
    open_player(tab, caller, recorded(name))
    assert tab.run("document.querySelector('#total').textContent") == f"0:{SECONDS}"
    play(tab)
    tab.run(NOTE_LANDINGS)
    # Far enough from the end that it is not reached before the key is pressed.
    tab.drag("#seek", 0.3, 0.3)
    until(tab, f"landings.length > 0 && !{AUDIO}.seeking && {AUDIO}.currentTime > {0.3 * SECONDS + 0.3}")
    assert tab.run("landings[0]") == pytest.approx(0.3 * SECONDS, abs=2)
    tab.press("End")
    ends_well(tab)


#: Ways beyond the end.
WAYS: dict[str, Callable[[Tab], object]] = {
    "End": lambda tab: tab.press("End"),
    "+10 near the end": lambda tab: (tab.drag("#seek", 0.6, 0.6), tab.click("#on")),
    "drag beyond the edge": lambda tab: tab.drag("#seek", 0.5, 0.9, 1.03),
}


@pytest.mark.parametrize("way", WAYS)
def test_nothing_leads_beyond_the_end(tab: Tab, caller: Tenant, recorded: Callable[[str], str], way: str):
    """While it plays, and before it was played at all."""
    open_player(tab, caller, recorded("WAV, mu-law"))
    play(tab)
    WAYS[way](tab)
    ends_well(tab)
    open_player(tab, caller, recorded("WAV, mu-law"))
    WAYS[way](tab)
    tab.click("#play")
    ends_well(tab)


def test_a_page_that_is_only_opened_is_granted_nothing(tab: Tab, caller: Tenant, hour: str):
    """Nothing is fetched before Play is pressed, and a seek before that is kept."""
    before = granted(caller, hour)
    open_player(tab, caller, hour)
    until(tab, "performance.now() > 1500")
    assert granted(caller, hour) == before
    assert tab.run("document.querySelector('#total').textContent") == "1:00:00"
    tab.drag("#seek", 0.5, 0.5)
    assert tab.run("document.querySelector('#now').textContent").startswith("30:0")
    assert granted(caller, hour) == before
    tab.click("#play")
    until(tab, f"{AUDIO}.currentTime > 1800.2")
    assert tab.run(f"{AUDIO}.currentTime") < 1830
    windows = granted(caller, hour)[len(before) :]
    assert any(first > 28_000_000 for first, _ in windows)


def test_what_is_sent_is_little_more_than_what_is_heard(tab: Tab, caller: Tenant):
    """A pause drops the rest; a browser alone reads two minutes ahead. Then Play goes on where it was."""
    name = token_hex(8)
    call = caller.uploaded(dual((FIRST, SECOND, 600)), call=name, ref=name)
    open_player(tab, caller, call)
    play(tab)
    until(tab, f"{AUDIO}.currentTime > 5")
    tab.click("#play")
    heard = tab.run(f"{AUDIO}.currentTime")
    until(tab, f"!{AUDIO}.hasAttribute('src')")
    last = max(end for _, end in granted(caller, call))
    # The grants are ahead of what is sent, and a busy machine is late to pause.
    assert last < (heard + 60) * 16_000
    assert tab.run("document.querySelector('#now').textContent") == f"0:{int(heard):02}"
    tab.click("#play")
    until(tab, f"!{AUDIO}.seeking && {AUDIO}.currentTime > {heard + 0.2}")
    assert tab.run(f"{AUDIO}.currentTime") < heard + 30


def test_one_channel_is_heard(tab: Tab, caller: Tenant, duet: str):
    """One voice fills both sides, and both are as they were recorded."""
    open_player(tab, caller, duet)
    tab.run(f"window.ears ?? (() => {{{WATCH}}})()")
    tab.drag("#seek", 0.7, 0.7)
    tab.click("#play")
    until(tab, f"!{AUDIO}.seeking && {AUDIO}.currentTime > 410")
    for choice, sides in [("1", (SECOND, SECOND)), ("0", (FIRST, FIRST)), ("", (FIRST, SECOND))]:
        tab.click(f"input[value='{choice}'] + span")
        tones = [f"side[0] > {SILENCE} && Math.abs(side[1] - {hertz}) < 50" for hertz in sides]
        heard = " && ".join(f"(side => {tone})(({HEAR})[{at}])" for at, tone in enumerate(tones))
        until(tab, f"window.ears.length === 2 && {heard}")


def test_a_moment_silence_and_a_part(tab: Tab, caller: Tenant, pause: str):
    """The link's moment survives the redirect, silence is passed over, a part is repeated, and the volume changes."""
    tab.goto(f"{caller.link(pause)['url']}#t=2")
    tab.click("button[type=submit]")
    until(tab, "document.querySelector('#skip')?.disabled === false")
    assert tab.run("location.hash") == "#t=2"
    until(tab, f"{AUDIO}.currentTime === 2")
    tab.run(
        f"(window.heard = [], {AUDIO}.addEventListener('timeupdate', () => heard.push({AUDIO}.currentTime)))"
    )
    tab.click("#skip")
    tab.click("#play")
    until(tab, f"{AUDIO}.currentTime > 11.5")
    assert tab.run("heard.some(at => at < 4) && !heard.some(at => at > 5 && at < 10)")
    tab.run(f"(window.jumps = [], {AUDIO}.addEventListener('seeking', () => jumps.push(1)))")
    tab.click("#repeat-from")
    until(tab, f"{AUDIO}.currentTime > 13")
    tab.run(
        f"document.querySelector('#repeat-to').addEventListener('click', () => (window.to = {AUDIO}.currentTime))"
    )
    tab.click("#repeat-to")
    until(tab, "jumps.length >= 2")
    assert tab.run("heard.every(at => at < to + 1.5)")
    assert tab.run(f"!{AUDIO}.paused && {AUDIO}.error === null")
    tab.click("#mute")
    until(tab, f"{AUDIO}.muted && document.querySelector('#volume').value === '0'")
    tab.click("#mute")
    until(tab, f"!{AUDIO}.muted && document.querySelector('#volume').value === '1'")


def test_a_revoked_link_stops_the_sound(tab: Tab, caller: Tenant, alone: str):
    """The page says why, and the browser lets go of what it holds."""
    link = open_player(tab, caller, alone)
    play(tab)
    revoked = caller.http.delete(caller.url(f"/recordings/{alone}/links/{link['id']}"))
    assert revoked.status_code == 204
    at = time.monotonic()
    until(tab, "document.querySelector('#closed h2').textContent === 'This link was withdrawn'")
    # A request of the page waits for it: the vault looks each second.
    assert time.monotonic() - at < 3
    assert tab.run(f"{AUDIO}.paused && !{AUDIO}.hasAttribute('src')")
