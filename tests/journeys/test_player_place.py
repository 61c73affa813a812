"""What a reload keeps, and where an address leads."""

import pytest

from tests.journeys.chromium import until
from tests.journeys.player import Listener
from tests.journeys.tenant import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
READY = "document.querySelector('#controls')?.hidden === false"


def test_a_reload_keeps_place_speed_and_channel(listener: Listener, caller: Tenant, conversation: str):
    """All three are as they were, nothing was granted for it, and Play goes on from there."""
    listener.open(caller, conversation)
    page = listener.page
    listener.seek(0.5)
    page.get_by_role("combobox", name="Speed").select_option("1.5")
    page.get_by_role("radio", name="Agent").check()
    before = caller.types(conversation).count("playback.grant")
    page.reload()
    until(page, READY)
    assert listener.at == pytest.approx(15, abs=0.2)
    assert page.locator("#now").inner_text() in {"0:14", "0:15"}
    assert page.get_by_role("combobox", name="Speed").input_value() == "1.5"
    assert page.get_by_role("radio", name="Agent").is_checked()
    assert caller.types(conversation).count("playback.grant") == before
    listener.button("Play").click()
    until(page, "document.querySelector('audio').currentTime > 15.3")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.5
    listener.unharmed()


def test_an_address_leads_to_a_moment(listener: Listener, caller: Tenant, alone: str):
    """In a new tab, and in the one that is open; what is no moment leads nowhere."""
    listener.open(caller, alone)
    address = listener.address
    for asked, there in [("0:12", 12), ("7.5", 7.5), ("soon", 7.5), ("999", 29.99)]:
        listener.page.goto(f"{address}#t={asked}")
        until(listener.page, f"Math.abs(document.querySelector('audio').currentTime - {there}) < 0.01")
    other = listener.page.context.new_page()
    other.goto(f"{address}#t=20")
    until(other, READY)
    assert other.evaluate("document.querySelector('audio').currentTime") == 20
    listener.unharmed()
