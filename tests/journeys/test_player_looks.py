"""The player as it is seen, and as it is not seen: colours, sizes, names for screen readers, what stays hidden."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.journeys.player import (
    CALL,
    FIRST,
    LOADED,
    SECOND,
    Listener,
    dual,
    fits,
    mono,
    name_voices,
    shown,
    views,
)
from tests.support.chromium import until
from tests.support.tenant import Tenant
from tests.support.web_house import House

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
PHONE, DESK = (360, 740), (1100, 900)
VIEWS = views(PHONE, DESK)
NOTICE = {
    "language": "fr", "audience": "caller", "mode": "announce",
    "controller": "Spoke and Chain", "purposes": "pour bien noter votre commande",
    "refusal": "il suffit de le dire", "full_notice": "spokeandchain.example",
}  # fmt: skip
#: For each lane of the waveform the pixels that have a colour, left and right of the middle, by colour.
PIXELS = """(() => {
  const canvas = document.querySelector('canvas'), paint = canvas.getContext('2d');
  const found = [];
  for (const top of [0, canvas.height / 2]) {
    for (const left of [0, canvas.width / 2 + 8]) {
      const { data } = paint.getImageData(left, top, canvas.width / 2 - 8, canvas.height / 2);
      const seen = {};
      for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] < 60) continue;
        const kind = data[at] > data[at + 2] + 30 ? 'orange' : data[at + 2] > data[at] + 30 ? 'blue' : 'grey';
        const name = `${data[at + 3] > 200 ? 'full' : 'faint'} ${kind}`;
        seen[name] = (seen[name] || 0) + 1;
      }
      found.push(Object.entries(seen).sort((a, b) => b[1] - a[1])[0]?.[0] ?? 'nothing');
    }
  }
  return found;
})()"""
#: Every text that is shown with less contrast to what lies under it than WCAG 2.2 asks for (1.4.3).
PALE = """(() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const under = element => {
    for (let one = element; one; one = one.parentElement) {
      const ground = numbers(getComputedStyle(one).backgroundColor);
      if (ground.length === 3 || ground[3] === 1) return ground;
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const element of document.querySelectorAll('main *')) {
    const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.data.trim()).join('');
    if (!text || element.closest('.watermark, noscript, option') || !element.checkVisibility()) continue;
    const [one, two] = [light(numbers(getComputedStyle(element).color)), light(under(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (two + 0.05);
    if (contrast < 4.5) pale.push(`${text}: ${contrast.toFixed(2)}`);
  }
  return pale;
})()"""


@pytest.mark.parametrize("view", VIEWS)
def test_it_can_be_seen_everywhere(
    listener: Listener, caller: Tenant, conversation: str, tmp_path: Path, view: str
):
    """Two colours, full where it was heard; the name over it catches no click; nothing is pale or cut off."""
    page, (scheme, size) = listener.page, VIEWS[view]
    shown(page, scheme, size)
    listener.open(caller, conversation)
    until(page, LOADED)
    listener.seek(0.5)
    until(page, "document.querySelector('#now').textContent >= '0:14'")
    page.mouse.move(0, 0)
    page.screenshot(path=tmp_path / f"player-{view}.png", full_page=True)
    assert page.evaluate(PIXELS) == ["full orange", "faint orange", "full blue", "faint blue"]
    page.get_by_role("radio", name="Agent").check()
    assert page.evaluate(PIXELS) == ["full grey", "faint grey", "full blue", "faint blue"]
    assert fits(page)
    assert page.evaluate(PALE) == []
    marks = page.locator(".watermark [data-mark*='Robin Doe, team lead'][data-mark*='UTC']")
    box, play = marks.nth(4).bounding_box(), listener.button("Play").bounding_box()
    assert box is not None
    assert play is not None
    assert 0 <= box["x"] + box["width"] / 2 <= size[0]
    assert float(marks.nth(4).evaluate("one => getComputedStyle(one).opacity")) > 0.05
    middle = [play["x"] + play["width"] / 2, play["y"] + play["height"] / 2]
    assert page.evaluate("([x, y]) => document.elementFromPoint(x, y).closest('button').id", middle) == "play"
    listener.unharmed()


@pytest.mark.parametrize("size", [(320, 640), (640, 340)], ids=["narrow", "on its side"])
def test_it_fits_a_small_phone(
    listener: Listener, house: House, caller: Tenant, tmp_path: Path, size: tuple[int, int]
):
    """Nothing is wider than the view (WCAG 1.4.10), and Play is seen without scrolling."""
    shown(listener.page, "light", size)
    recording = caller.uploaded(dual((FIRST, SECOND, 1)), call="no direction", ref=f"{size}")
    name_voices(house, recording, "caller", "callee")
    listener.open(caller, recording)
    listener.page.screenshot(path=tmp_path / f"player-{size[0]}x{size[1]}.png")
    right, bottom = listener.page.evaluate("""[document.querySelector('main').getBoundingClientRect().right,
        document.querySelector('#play').getBoundingClientRect().bottom]""")
    assert right <= size[0]
    assert bottom <= size[1]
    assert fits(listener.page)
    cut = "[...document.querySelectorAll('#channels, #channels label')].map(one => one.scrollWidth > one.clientWidth)"
    assert not any(listener.page.evaluate(cut))
    choice, wave = (listener.page.locator(one).bounding_box() for one in ("#channels", "#seek"))
    assert choice is not None
    assert wave is not None
    assert choice["x"] + choice["width"] <= wave["x"] + wave["width"]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_dense_screen_gets_sharp_bars(
    listener: Listener, caller: Tenant, alone: str, size: tuple[int, int]
):
    """The canvas has as many pixels as the screen has there, also after the window changed its size."""
    measure = """(() => { const c = document.querySelector('canvas'), b = c.getBoundingClientRect();
        return [c.width - Math.round(b.width * devicePixelRatio),
                c.height - Math.round(b.height * devicePixelRatio)]; })()"""
    session = listener.page.context.new_cdp_session(listener.page)
    for density, (width, height) in ((1, size), (2, size), (3, (size[0] - 40, size[1]))):
        said = {"width": width, "height": height, "deviceScaleFactor": density, "mobile": False}
        session.send("Emulation.setDeviceMetricsOverride", said)
        listener.open(caller, alone)
        assert listener.page.evaluate("devicePixelRatio") == density
        assert listener.page.evaluate(measure) == [0, 0]
    session.send("Emulation.setDeviceMetricsOverride", said | {"width": size[0]})
    until(listener.page, f"{measure}.every(one => one === 0)")


def test_it_can_be_used_without_eyes_or_mouse(listener: Listener, caller: Tenant, conversation: str):
    """Every control has a name and its turn, and shows where the focus is."""
    page = listener.page
    listener.open(caller, conversation)
    until(page, LOADED)
    page.keyboard.press("Tab")
    visited = []
    focused = """(() => {
        const one = document.activeElement, shown = one.matches('[type=radio]') ? one.nextElementSibling : one;
        return [one.getAttribute('aria-label') ?? (one.labels?.[0] ?? one).textContent,
                getComputedStyle(shown).outlineStyle]; })()"""
    for _ in range(19):
        name, outline = page.evaluate(focused)
        visited.append(name.split("\n")[0].strip())
        assert outline != "none", name
        page.keyboard.press("Tab")
    assert visited == [
        *("Position", "Previous speaker", "Back 10 seconds", "Play", "Forward 10 seconds", "Next speaker"),
        *("Both", "Speed", "Mute", "Volume", "Skip silence", "Repeat from here", "Repeat up to here"),
        *("End the repetition", "Hear before and after", "Zoom out", "Zoom in", "Copy link to 0:00"),
        "Keyboard shortcuts",
    ]
    tree = page.locator("main").aria_snapshot()
    for line in (
        'slider "Position"',
        'button "Back 10 seconds"',
        'button "Play"',
        'button "Forward 10 seconds"',
        'group "Hear"',
        'radio "Both" [checked]',
        'radio "Customer"',
        'radio "Agent"',
        'combobox "Speed"',
        'timer "Session ends in"',
        'heading "Wednesday, 1 July 2026 at 11:30 CEST" [level=1]',
    ):
        assert f"- {line}" in tree, tree
    # The name that lies over the page is read out once, not thirty-six times.
    assert tree.count("Robin Doe") == 1
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))


def test_motion_is_left_out_where_it_is_not_wanted(listener: Listener, caller: Tenant, alone: str):
    """Nothing turns and no frame is asked for; the line still moves, a few times a second."""
    listener.page.emulate_media(reduced_motion="reduce")
    listener.open(caller, alone)
    listener.page.evaluate("""(() => { window.asked = 0; const ask = requestAnimationFrame;
        window.requestAnimationFrame = f => { window.asked++; return ask(f); }; })()""")
    listener.button("Play").click()
    until(listener.page, "document.querySelector('#now').textContent >= '0:01'")
    assert listener.page.evaluate("window.asked") == 0


def test_a_listener_sees_no_number_and_every_notice(listener: Listener, house: House):
    """When and in which direction, who is on which channel, what the parties were told: and nothing more of them."""
    tenant = Tenant.open(house.admin)
    notice = house.admin.post(tenant.url("/notices"), json=NOTICE).json()
    assert house.admin.post(tenant.url(f"/notices/{notice['id']}/publish")).status_code == 200
    assert house.admin.put(tenant.url("/calls/secret-ref"), json=CALL).status_code == 200
    said = {"party": "caller", "event": "announced", "method": "announcement", "notice": notice["id"]}
    told = house.admin.post(tenant.url("/calls/secret-ref/consent"), json=said | {"at": CALL["started_at"]})
    assert told.status_code == 201, told.text
    recording = tenant.uploaded(mono(1), call="secret-ref")
    listener.open(tenant, recording, listener="<b>Kim</b> & Söhne")
    text = listener.page.inner_text("main")
    assert "Incoming call" in text
    assert "This playback is logged for <b>Kim</b> & Söhne." in text
    assert "Announced to the caller in French" in text
    assert notice["text"] in text
    assert listener.page.locator("blockquote").get_attribute("lang") == "fr"
    html = listener.page.content()
    for hidden in (
        "14155550177",
        "14155550188",
        "Agent Smith",
        "secret-ref",
        recording,
        tenant.name,
        tenant.id,
    ):
        assert hidden not in html, hidden


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_around_it_are_of_one_kind(
    page: Page, caller: Tenant, alone: str, tmp_path: Path, scheme: str
):
    """The page of a link opens nothing and says so little that a preview may have it; a dead one says whom to ask."""
    for name, url, words in [
        ("link", caller.link(alone)["url"], "A call recording was shared with you"),
        ("dead", f"{caller.http.base_url}/p/nobody", "This link is not valid any more"),
    ]:
        for size in (PHONE, DESK):
            shown(page, scheme, size)
            page.goto(url)
            page.screenshot(path=tmp_path / f"{name}-{scheme}-{size[0]}.png")
            assert page.inner_text("h1") == words
            assert fits(page)
            assert page.evaluate(PALE) == []
            assert page.evaluate("window.violations") == []
            assert not re.search(r"Robin|30 sec", page.content())
            # The one script hands a moment in the address on to the player.
            scripts = page.evaluate("[...document.scripts].map(one => one.getAttribute('src'))")
            assert scripts == ([] if name == "dead" else ["/static/moment.js"])


def test_without_scripts_the_browser_plays(page: Page, caller: Tenant, alone: str):
    """Somebody whose browser runs no script has the browser's own player, without its download."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setScriptExecutionDisabled", {"value": True})
    page.goto(caller.link(alone)["url"])
    page.get_by_role("button", name="Listen").click()
    plain = page.locator("noscript audio")
    plain.wait_for()
    assert plain.get_attribute("controlslist") == "nodownload"
    assert page.locator("#controls").is_hidden()
    assert page.locator(".countdown").is_hidden()
    assert plain.get_attribute("preload") == "none"
