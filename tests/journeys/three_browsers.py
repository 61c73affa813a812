"""Chromium, Firefox and WebKitGTK from Debian's packages, each as one tab with the same commands."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Page

from tests.journeys.webdriver import PATIENCE, HttpDriver, Marionette, WebDriverTab
from tests.servers.ports import free_ports
from tests.servers.processes import process
from tests.servers.required import go_without, require
from tests.support.chromium import chromium, new_page

#: Firefox asks nobody and shows nothing of its own; which port its driver's protocol has.
FIREFOX = """
user_pref("marionette.port", {port});
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""
MINI_BROWSER = f"/usr/lib/{os.uname().machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser"
#: What GStreamer needs for WAV, MP3, Ogg, FLAC, MP4 and WebM.
GSTREAMER = "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav"
SOUND = (
    "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes",
    "-L", "module-null-sink norewinds=1", "-L",
)  # fmt: skip


class Tab(Protocol):
    """One tab of a browser."""

    def goto(self, url: str) -> None:
        """Load a page."""

    def run(self, expression: str) -> Any:
        """Evaluate an expression in the page."""

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""

    def press(self, key: str) -> None:
        """Press a key and let it go."""

    def drag(self, selector: str, *xs: float) -> None:
        """Press the mouse at the first share of an element's width, and let it go at the last."""

    def resize(self, width: int, height: int) -> None:
        """Give the window a size."""

    def screenshot(self, path: Path) -> None:
        """Write what is seen as PNG."""


class ChromiumTab:
    """A page of Playwright's."""

    def __init__(self, page: Page) -> None:
        """Take an empty page."""
        self.page = page

    def goto(self, url: str) -> None:
        """Load a page."""
        self.page.goto(url)

    def run(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        return self.page.evaluate(expression)

    def click(self, selector: str) -> None:
        """Click in the middle of an element."""
        self.page.click(selector)

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        self.page.keyboard.press(key)

    def drag(self, selector: str, *xs: float) -> None:
        """Press the mouse at the first share of an element's width, and let it go at the last."""
        box = self.page.locator(selector).bounding_box()
        assert box is not None
        mouse = self.page.mouse
        for number, x in enumerate(xs):
            mouse.move(box["x"] + x * box["width"], box["y"] + box["height"] / 2)
            if number == 0:
                mouse.down()
        mouse.up()

    def resize(self, width: int, height: int) -> None:
        """Give the window a size."""
        self.page.set_viewport_size({"width": width, "height": height})

    def screenshot(self, path: Path) -> None:
        """Write what is seen as PNG."""
        self.page.screenshot(path=path)


@contextmanager
def _chromium() -> Iterator[Tab]:
    with chromium() as browser, new_page(browser) as page:
        yield ChromiumTab(page)


@contextmanager
def _firefox() -> Iterator[Tab]:
    require("firefox-esr", "pulseaudio", install="apt-get install firefox-esr pulseaudio")
    with _environment() as (home, environment):
        (port,) = free_ports(1)
        profile = home / "profile"
        profile.mkdir()
        (profile / "user.js").write_text(FIREFOX.format(port=port))
        start = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--profile", str(profile)]
        with process(start, home / "firefox.log", **environment):
            connection = Marionette(port)
            try:
                yield WebDriverTab(connection)
            finally:
                connection.close()


@contextmanager
def _webkit() -> Iterator[Tab]:
    install = f"apt-get install webkitgtk-webdriver {GSTREAMER} xvfb pulseaudio"
    require("WebKitWebDriver", "Xvfb", "pulseaudio", install=install)
    if not Path(MINI_BROWSER).exists():
        go_without(f"needs {MINI_BROWSER}: {install}")
    with _environment() as (home, environment), ExitStack() as stack:
        # Debian's bubblewrap makes no sandbox for root or inside a container.
        environment["WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS"] = "1"
        environment["DISPLAY"] = stack.enter_context(_screen(home, environment))
        (port,) = free_ports(1)
        stack.enter_context(
            process(["WebKitWebDriver", f"--port={port}"], home / "driver.log", **environment)
        )
        options = {"webkitgtk:browserOptions": {"binary": MINI_BROWSER, "args": ["--automation"]}}
        driver = HttpDriver(port, options)
        try:
            yield WebDriverTab(driver)
        finally:
            driver.close()


@contextmanager
def _environment() -> Iterator[tuple[Path, dict[str, str]]]:
    """Make a home of its own, and a sound server that plays into nothing."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "XDG_RUNTIME_DIR": folder,
            "LANG": "C.UTF-8",
            "TZ": "Europe/Paris",
        }
        door = home / "sound"
        unix = f"module-native-protocol-unix auth-anonymous=1 socket={door}"
        with process([*SOUND, unix], home / "sound.log", **environment):
            _wait_for(door.exists)
            yield home, environment | {"PULSE_SERVER": f"unix:{door}"}


@contextmanager
def _screen(home: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run an X server without a screen, and return its name."""
    log = home / "screen.log"
    start = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1400x1100x24"]
    with process(start, log, **environment):
        yield ":" + _wait_for(lambda: re.search(r"^\d+$", log.read_text(), re.MULTILINE))[0]


def _wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < deadline, "It did not start."
        time.sleep(0.02)
    return value


BROWSERS: dict[str, Callable[[], Any]] = {"chromium": _chromium, "firefox": _firefox, "webkit": _webkit}
