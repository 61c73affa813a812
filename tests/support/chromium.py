"""Debian's chromium, and what a test hears of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers.required import require

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
#: Counts what the strict policy stops, and listens at both loudspeakers: nothing of it is in the pages.
WATCH = """
window.violations = [];
document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective));
window.ears = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...more) {
  if (to instanceof AudioDestinationNode) {
    const splitter = this.context.createChannelSplitter(2);
    connect.call(this, splitter);
    for (const side of [0, 1]) {
      const ear = new AnalyserNode(this.context, { fftSize: 4096, smoothingTimeConstant: 0 });
      connect.call(splitter, ear, side);
      window.ears.push(ear);
    }
  }
  return connect.call(this, to, ...more);
};
"""
#: For each loudspeaker how loud it is (root of the mean square, 1 is full scale) and its loudest frequency.
HEAR = """window.ears.map(ear => {
  const samples = new Float32Array(ear.fftSize), bins = new Float32Array(ear.frequencyBinCount);
  ear.getFloatTimeDomainData(samples);
  ear.getFloatFrequencyData(bins);
  const loud = Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
  return [loud, bins.indexOf(Math.max(...bins)) * ear.context.sampleRate / ear.fftSize];
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser."""
    require("chromium", install="apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", headless=True, args=list(FLAGS)
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def new_page(
    browser: Browser,
    locale: str = "en-GB",
    *,
    size: tuple[int, int] = (1100, 900),
    place: str = "Europe/Paris",
) -> Iterator[Page]:
    """Open an empty page that shares nothing with others. Times are shown as in ``place``."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, timezone_id=place, locale=locale
    )
    context.add_init_script(WATCH)
    context.set_default_timeout(30_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def complaints(page: Page) -> list[str]:
    """Return a list to which every error of the page's console and scripts is added from now on."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def until(page: Page, expression: str, *, seconds: float = 30) -> Any:
    """Poll an expression: waiting inside the page would itself break the strict policy."""
    deadline = time.monotonic() + seconds
    while not (value := page.evaluate(expression)):
        assert time.monotonic() < deadline, f"Never true: {expression}"
        time.sleep(0.05)
    return value
