"""A listener at the player, and the calls that are played to it."""

import audioop
import io
import math
import struct
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from playwright.sync_api import Locator, Page
from sqlalchemy import update

from tests.support.chromium import HEAR, complaints, until
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.database.schema.core import recordings, sessions

RATE = 8000
#: Frequencies of a dual call: the first channel's and the second's.
FIRST, SECOND = 500, 1200

#: An incoming call; its numbers and its agent are nothing that a listener sees.
CALL = {
    "from": "+14155550177",
    "to": "+14155550188",
    "agent": "Agent Smith",
    "direction": "inbound",
    "started_at": "2026-07-01T09:30:00Z",
}


@cache
def _period(hertz: int) -> bytes:
    """Return 10 ms of a tone, a multiple of 100 Hz, in µ-law."""
    samples = (round(9000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(RATE // 100))
    return audioop.lin2ulaw(b"".join(struct.pack("<h", sample) for sample in samples), 2)


def dual(*pieces: tuple[int, int, float]) -> bytes:
    """Return a µ-law WAV of two channels; a piece is two frequencies, 0 for silence, and its seconds."""
    sound = bytearray()
    for first, second, seconds in pieces:
        both = bytearray(2 * RATE // 100)
        both[0::2], both[1::2] = _period(first), _period(second)
        sound += bytes(both) * round(100 * seconds)
    shape = struct.pack("<HHIIHHH", 7, 2, RATE, 2 * RATE, 2, 8, 0)
    body = b"WAVEfmt " + struct.pack("<I", len(shape)) + shape + b"data" + struct.pack("<I", len(sound))
    return b"RIFF" + struct.pack("<I", len(body) + len(sound)) + body + bytes(sound)


def mono(seconds: int, hertz: int = FIRST) -> bytes:
    """Return a PCM16 WAV of one channel with a tone."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audioop.ulaw2lin(_period(hertz), 2) * 100 * seconds)
    return out.getvalue()


#: Thirty seconds in which the two take turns, and speak together at the end.
CONVERSATION = dual((FIRST, 0, 10), (0, SECOND, 10), (FIRST, SECOND, 10))


def name_voices(house: House, recording: str, *voices: str) -> None:
    """Say who is heard on which channel, as a provider's adapter does."""
    said = update(recordings).where(recordings.c.id == recording).values(voices=list(voices))
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(said) and None)


def end_session(house: House, address: str, *, seconds: float = 0) -> None:
    """Let a session's time be over in so many seconds."""
    ends_at = datetime.now(UTC) + timedelta(seconds=seconds)
    session_id = address.rpartition("/")[2]
    said = update(sessions).where(sessions.c.id == session_id).values(ends_at=ends_at)
    house.call(house.vault.database.write, lambda tx: tx.connection.execute(said) and None)


def views(*sizes: tuple[int, int]) -> dict[str, tuple[str, tuple[int, int]]]:
    """Return each scheme of colours with each size of the window, in pixels, by a name."""
    return {f"{scheme}-{size[0]}": (scheme, size) for scheme in ("light", "dark") for size in sizes}


def shown(page: Page, scheme: str, size: tuple[int, int]) -> None:
    """Set the scheme and the size of the window."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})


def fits(page: Page) -> bool:
    """Say whether nothing has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


#: After a click the sound is there with the last of these events that follows it.
TIME_SOUNDS = """() => {
  window.sounds = {};
  let click = 0, since = 0;
  const heard = () => { window.sounds[click] = performance.now() - since; };
  document.addEventListener("click", () => { click += 1; since = performance.now(); }, true);
  for (const event of ["playing", "seeked"]) document.querySelector("audio").addEventListener(event, heard);
}"""


#: Keeps the position at the end of each seek.
NOTE_LANDINGS = """(audio => {
  window.landings = [];
  audio.addEventListener("seeked", () => window.landings.push(audio.currentTime));
})(document.querySelector("audio"))"""

#: The speakers can be told apart: the waveform is there, which the page asks for besides.
LOADED = "!document.querySelector('#skip').disabled"


@dataclass
class Listener:
    """Somebody with a browser. ``errors`` is what the console complained of."""

    page: Page
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen to the console from the start."""
        self.errors = complaints(self.page)

    def open(
        self, tenant: Tenant, recording: str, *, listener: str = "Robin Doe, team lead"
    ) -> dict[str, Any]:
        """Follow a new link to the player, and return the link."""
        link = tenant.link(recording, listener=listener)
        self.page.goto(link["url"])
        self.page.get_by_role("button", name="Listen").click()
        self.page.wait_for_url("**/s/sess_*")
        until(self.page, "document.querySelector('#controls').hidden === false")
        return link

    @property
    def address(self) -> str:
        """Return the session's address."""
        return self.page.url

    @property
    def at(self) -> float:
        """Return the position, in seconds."""
        return float(self.page.evaluate("document.querySelector('audio').currentTime"))

    @property
    def playing(self) -> bool:
        """Say whether the element plays."""
        return bool(self.page.evaluate("!document.querySelector('audio').paused"))

    @property
    def slider(self) -> Locator:
        """Return the waveform."""
        return self.page.get_by_role("slider", name="Position")

    def button(self, name: str) -> Locator:
        """Return a button."""
        return self.page.get_by_role("button", name=name, exact=True)

    def put(self, seconds: float) -> None:
        """Put the element at a position."""
        self.page.evaluate(f"document.querySelector('audio').currentTime = {seconds}")

    def seek(self, share: float) -> None:
        """Click on the waveform, so far from its left as ``share`` of its width."""
        box = self.slider.bounding_box()
        assert box is not None
        self.slider.click(position={"x": box["width"] * share, "y": box["height"] / 2})

    def time_sounds(self) -> None:
        """From now on, note how long it takes from each click until the sound is there."""
        self.page.evaluate(TIME_SOUNDS)

    def waited(self) -> list[float]:
        """Return the milliseconds from each click to its sound."""
        return [float(one) for one in self.page.evaluate("Object.values(window.sounds)")]

    def note_landings(self) -> None:
        """From now on, keep where each seek leads: what plays has gone on when a test asks."""
        self.page.evaluate(NOTE_LANDINGS)

    @property
    def landed(self) -> float:
        """Return where the last seek has led, in seconds."""
        until(self.page, "window.landings.length > 0 && !document.querySelector('audio').seeking")
        return float(self.page.evaluate("window.landings.at(-1)"))

    def settle(self) -> None:
        """Wait until the element is where it was told to be."""
        until(self.page, "!document.querySelector('audio').seeking")

    def hears(self) -> list[tuple[float, float]]:
        """Return for each side how loud it is and its loudest frequency, once the sound flows."""
        until(self.page, "window.ears.length === 2 && !document.querySelector('audio').seeking")
        begun = self.at
        self.page.wait_for_timeout(500)
        # The position stands still for a while after Play was pressed.
        until(self.page, f"document.querySelector('audio').currentTime > {begun} + 0.2")
        return [(loud, hertz) for loud, hertz in self.page.evaluate(HEAR)]

    def measured_speed(self) -> float:
        """Return by how many seconds the position goes on in one, over a second and a half."""
        measure = "(one => [performance.now(), one.currentTime])(document.querySelector('audio'))"
        began, first = self.page.evaluate(measure)
        self.page.wait_for_timeout(1500)
        ended, last = self.page.evaluate(measure)
        return float(1000 * (last - first) / (ended - began))

    def unharmed(self) -> None:
        """Assert that the policy stopped nothing and the console complained of nothing."""
        assert (self.page.evaluate("window.violations"), self.errors) == ([], [])
