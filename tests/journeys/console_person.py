"""Somebody at the console in Chromium: with the mouse, with the mouse and no scripts, or by keyboard alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from playwright.sync_api import Browser, Locator, Page, Request, Response

from tests.support.chromium import WATCH, until

Mode = Literal["mouse", "without scripts", "keyboard"]
MODES: Final[tuple[Mode, ...]] = ("mouse", "without scripts", "keyboard")
#: More stops than any page of the journey has.
_MOST_STOPS: Final = 150
#: Whether an element plays sound that the browser has decoded.
_PLAYS: Final = "one => !one.paused && one.currentTime > 0.3 && one.webkitAudioDecodedByteCount > 0"
#: Whether the target has the focus; what has it, for a message; and whether that is seen. The ring of a hidden radio
#: button is its label's, and that of a native player is drawn by the browser.
_FOCUS: Final = """target => {
  const one = document.activeElement;
  if (!one || one === document.body) return [false, 'nothing', true];
  const drawn = [one, one.nextElementSibling].some(part => {
    const style = part && getComputedStyle(part);
    return style && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  });
  const box = one.getBoundingClientRect();
  const within = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const isSeen = (drawn || one.tagName === 'AUDIO') && within && one.checkVisibility();
  return [one === target, one.outerHTML.slice(0, 160), isSeen];
}"""


@dataclass
class Person:
    """Somebody with a browser of their own. ``home`` is the address of the vault; what is elsewhere is not judged."""

    page: Page
    mode: Mode
    home: str
    #: Requests to the vault that failed or were refused, errors of the page's console, and stops nobody can see.
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen from the start. A refusal by the content policy is an error of the console, in any mode."""
        self.page.on("console", lambda said: self._note(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def _note(self, trouble: str) -> None:
        if self.page.url.startswith(self.home):
            self.troubles.append(f"{self.page.url}: {trouble}")

    def _failed(self, request: Request) -> None:
        # Audio and downloads are ended by the browser as soon as it leaves the page, or takes the file. Scripts that
        # are switched off fail with "csp"; a refusal by the policy is in the console besides.
        expected = {"net::ERR_ABORTED"} | ({"csp"} if self.mode == "without scripts" else set())
        if request.url.startswith(self.home) and request.failure not in expected:
            self.troubles.append(f"{request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.url.startswith(self.home) and not response.ok and not 300 <= response.status < 400:
            self.troubles.append(f"{response.url}: {response.status}")

    @property
    def place(self) -> Locator:
        """Return what can be used now: the open dialog, or the page."""
        dialog = self.page.locator("dialog[open]")
        return dialog if dialog.count() else self.page.locator("body")

    def follow(self, name: str | re.Pattern[str]) -> None:
        """Follow a link."""
        self._leave(self.place.get_by_role("link", name=name, exact=isinstance(name, str)).first)

    def press(self, name: str) -> None:
        """Press a button that leads to another page."""
        self._leave(self.place.get_by_role("button", name=name, exact=True))

    def leave_by(self, selector: str) -> None:
        """Press what a selector finds, and wait for the next page."""
        self._leave(self.page.locator(selector).first)

    def act(self, button: Locator) -> None:
        """Press a button that changes this page."""
        if self.mode == "keyboard":
            self.reach(button)
            self.page.keyboard.press("Enter")
        else:
            button.click()

    def ask(self, name: str) -> None:
        """Press a button that opens a dialog. The keyboard closes it first, by Escape, and is back at the button."""
        button = self.place.get_by_role("button", name=name, exact=True)
        self.act(button)
        if self.mode == "keyboard":
            assert self.page.locator("dialog[open]").count() == 1
            self.page.keyboard.press("Escape")
            assert self.page.locator("dialog[open]").count() == 0
            assert _has_focus(button), f"Escape does not lead back to {name}"
            self.page.keyboard.press("Enter")
        self.page.locator("dialog[open]").wait_for()

    def fill(self, label: str, text: str, *, within: Locator | None = None) -> None:
        """Type a text into a field, in the place of what it has."""
        # The label of a name to be typed goes on with the name.
        one = (within or self.place).get_by_label(label, exact=not label.endswith(" type"))
        if self.mode == "keyboard":
            self.reach(one)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.type(text)
            # The keyboard can leave every field.
            assert one.input_value() == text
        else:
            one.fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a list by its words."""
        one = self.place.get_by_label(label, exact=True)
        if self.mode != "keyboard":
            one.select_option(label=option)
            return
        self.reach(one)
        for _ in range(one.locator("option").count()):
            if one.locator("option:checked").inner_text() == option:
                return
            self.page.keyboard.press("ArrowDown")
        assert one.locator("option:checked").inner_text() == option

    def tick(self, label: str) -> None:
        """Tick a box."""
        one = self.place.get_by_label(label, exact=True)
        if self.mode == "keyboard":
            self.reach(one)
            self.page.keyboard.press("Space")
        else:
            one.check()
        assert one.is_checked()

    def sign_in(self, address: str, login: str) -> None:
        """Go to an address that leads to the provider, fill its two forms, and come back to the overview."""
        self.page.goto(address)
        for name, text in (("login", login), ("password", "anything")):
            box = self.page.locator(f"input[name={name}]")
            if self.mode == "keyboard":
                self.reach(box)
                self.page.keyboard.type(text)
            else:
                box.fill(text)
        self.leave_by("button[type=submit]")
        # The provider asks whether the vault may know who it is.
        self.leave_by("button[type=submit]")
        self.page.wait_for_url(re.compile(r"/console/accounts/[^/]+$"))

    def play(self) -> None:
        """Let the audio play, with the player's button or the browser's own."""
        if self.mode == "without scripts":
            # The browser's own player; its button to play is at the left.
            audio = self.page.locator("audio:visible")
            audio.scroll_into_view_if_needed()
            audio.click(position={"x": 24, "y": 27})
        else:
            until(self.page, "document.querySelector('#controls').hidden === false")
            self.act(self.page.get_by_role("button", name="Play", exact=True))
        until(self.page, f"[...document.querySelectorAll('audio')].some({_PLAYS})")

    def reach(self, target: Locator) -> None:
        """Press Tab until the target has the focus; each stop on the way has to be seen."""
        target.wait_for()
        stops: list[str] = []
        is_there, element = _has_focus(target), target.element_handle()
        while not is_there:
            assert len(stops) < _MOST_STOPS, f"The keyboard does not reach {target}; it was at {stops[-5:]}"
            self.page.keyboard.press("Tab")
            is_there, name, is_seen = self.page.evaluate(_FOCUS, element)
            stops.append(name)
            if not is_seen and self.page.url.startswith(self.home):
                self.troubles.append(f"{self.page.url}: the focus is not seen on {name}")

    def _leave(self, target: Locator) -> None:
        target.wait_for()
        with self.page.expect_navigation():
            self.act(target)


@contextmanager
def person(browser: Browser, mode: Mode, home: str) -> Iterator[Person]:
    """Open a browser of somebody's own."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 860},
        locale="en-GB",
        timezone_id="America/Los_Angeles",
        java_script_enabled=mode != "without scripts",
    )
    context.add_init_script(WATCH)
    context.set_default_timeout(30_000)
    try:
        yield Person(context.new_page(), mode, home)
    finally:
        context.close()


def _has_focus(target: Locator) -> bool:
    return bool(target.evaluate("one => one === document.activeElement"))
