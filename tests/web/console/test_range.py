"""A range of the audio is chosen on its waveform: by the mouse, by touch, by keyboard, and typed without a script."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.support import corpus
from tests.support.chromium import until
from tests.support.console import key_text, violations
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = pytest.mark.browser
VIEWS = [(scheme, size) for scheme in ("light", "dark") for size in ((360, 740), (1100, 900))]
SECONDS = 30


@dataclass
class Form:
    """The form that removes a part of a recording."""

    house: House
    tenant: Tenant
    recording: str

    def open(self, page: Page) -> None:
        """Sign in, and open it."""
        there = f"/console/accounts/{self.tenant.name}/recordings/{self.recording}"
        page.goto(f"{self.house.url}/console/sign-in?next={there}")
        page.get_by_label("API key").fill(key_text(self.house, self.tenant.name))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("button", name="Remove a part").first.click()

    @property
    def types(self) -> list[str]:
        """Return the kinds of the access events of the recording."""
        return self.tenant.types(self.recording)


@pytest.fixture
def recording(tenant: Tenant) -> str:
    """Two channels."""
    return tenant.uploaded(corpus.wav(corpus.tones(SECONDS, rate=8000)), call="ranged", ref="ranged")


@pytest.fixture
def form(house: House, tenant: Tenant, recording: str) -> Form:
    """The form of the recording."""
    return Form(house, tenant, recording)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser with a mouse and a keyboard."""
    with browser.new_context(viewport={"width": 1100, "height": 900}) as context:
        yield context.new_page()


def typed(page: Page) -> tuple[str, str]:
    """Return what stands in the fields."""
    first, last = (page.locator(f"[id='field-ranges.0.{name}']").input_value() for name in ("from", "to"))
    return first, last


def drag(page: Page, begin: float, end: float) -> None:
    """Drag from one second to another one, in the upper half."""
    box = page.locator(".range").bounding_box()
    assert box is not None
    x = [box["x"] + box["width"] * at / SECONDS for at in (begin, end)]
    page.mouse.move(x[0], box["y"] + 10)
    page.mouse.down()
    page.mouse.move((x[0] + x[1]) / 2, box["y"] + 10)
    page.mouse.move(x[1], box["y"] + 10)
    page.mouse.up()


def seconds(text: str) -> float:
    """Return the seconds of what a field has."""
    minutes, _, rest = text.rpartition(":")
    return int(minutes) * 60 + float(rest)


def test_by_the_mouse(page: Page, form: Form):
    """A drag is a range, also backwards; a handle moves one end, and stops before the other one; it is removed."""
    form.open(page)
    until(page, "document.querySelector('.range img').naturalWidth > 0")
    # Once, and not with the page.
    assert form.types.count("waveform.read") == 1
    drag(page, 12, 9)
    assert [round(seconds(one), 0) for one in typed(page)] == [9, 12]
    drag(page, 9, 6)
    assert [round(seconds(one), 0) for one in typed(page)] == [6, 12]
    drag(page, 12, 1)
    first, last = (seconds(one) for one in typed(page))
    assert last == pytest.approx(first + 0.1)
    drag(page, 20, 22)
    page.get_by_label("Reason", exact=True).last.fill("card data")
    page.get_by_label("To confirm, type ranged").first.fill("ranged")
    page.locator("#redact-dialog button[type=submit]").click()
    page.wait_for_url("**done=redacted")
    chain = form.tenant.http.get(form.tenant.url(f"/recordings/{form.recording}/evidence")).json()["chain"]
    (span,) = next(one["said"]["spans"] for one in chain if one["said"]["kind"] == "redaction")
    assert span["begin_ms"] == pytest.approx(20_000, abs=100)
    assert span["end_ms"] == pytest.approx(22_000, abs=100)


def test_by_the_keyboard(page: Page, form: Form):
    """Both handles are reached by Tab and seen, and say where they are; what is typed moves them."""
    form.open(page)
    first, last = (
        page.get_by_role("slider", name=name) for name in ("Beginning of the part", "End of the part")
    )
    assert first.get_attribute("aria-valuetext") == "not chosen"
    for _ in range(10):
        if page.evaluate("document.activeElement.dataset.end === 'from'"):
            break
        page.keyboard.press("Tab")
    for key in ("PageUp", "PageUp", "ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert first.get_attribute("aria-valuetext") == "10.1 seconds"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.end") == "to"
    page.keyboard.press("Home")
    assert typed(page) == ("0:10.1", "0:10.2")
    for key in ("End", "PageDown", "ArrowDown"):
        page.keyboard.press(key)
    assert typed(page) == ("0:10.1", "0:24.9")
    page.locator("[id='field-ranges.0.to']").fill("12,5")
    assert last.get_attribute("aria-valuetext") == "12.5 seconds"
    assert page.locator(".chosen").bounding_box() is not None


def test_by_touch(browser: Browser, form: Form):
    """A finger that goes over the waveform does not scroll the form."""
    with browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True) as context:
        page = context.new_page()
        form.open(page)
        box = page.locator(".range").bounding_box()
        assert box is not None
        client = context.new_cdp_session(page)
        y = box["y"] + 10
        places = [box["x"] + box["width"] * at / SECONDS for at in (15, 18, 21)]
        for kind, x in zip(("touchStart", "touchMove", "touchMove"), places, strict=True):
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        client.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert [seconds(one) for one in typed(page)] == pytest.approx([15, 21], abs=0.3)


@pytest.mark.parametrize(("scheme", "size"), VIEWS, ids=str)
def test_it_is_seen(page: Page, form: Form, scheme: Literal["light", "dark"], size: tuple[int, int]):
    """In both schemes, on a desk and a phone; one channel has half of the height."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    form.open(page)
    until(page, "document.querySelector('.range img').naturalWidth > 0")
    drag(page, 10, 20)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    whole = page.locator(".chosen").bounding_box()
    page.get_by_label("Channels").select_option("1")
    half = page.locator(".chosen").bounding_box()
    assert whole is not None
    assert half is not None
    assert half["height"] == pytest.approx(whole["height"] / 2, abs=1)
    assert half["y"] == pytest.approx(whole["y"] + half["height"], abs=1)


def test_without_scripts_it_is_typed(browser: Browser, form: Form):
    """The waveform is not there, is not read, and is missed by nothing."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        form.open(page)
        assert not page.locator(".range").is_visible()
        assert page.locator("[id='field-ranges.0.from']").is_visible()
        assert "waveform.read" not in form.types
