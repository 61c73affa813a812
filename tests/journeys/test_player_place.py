"""What a reload keeps, and where an address leads."""

import pytest

from tests.journeys.player import Listener
from tests.support.chromium import until
from tests.support.tenant import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]
PAUSED = "document.querySelector('audio').paused"
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


def test_a_tab_that_begins_to_play_pauses_the_other(listener: Listener, caller: Tenant, duet: str):
    """Two tabs of one session take turns; a tab of another session plays on."""
    page = listener.page
    listener.open(caller, duet)
    third = Listener(page.context.new_page())
    third.open(caller, duet)
    second = Listener(page.context.new_page())
    second.page.goto(listener.address)
    until(second.page, READY)
    for one in (third, listener, second):
        one.button("Play").click()
        until(one.page, f"!{PAUSED}")
    until(page, PAUSED)
    listener.button("Play").wait_for()
    assert second.playing
    listener.button("Play").click()
    until(second.page, PAUSED)
    assert listener.playing
    assert third.playing
    listener.unharmed()
    second.unharmed()


def test_a_retry_does_not_play_over_another_tab(listener: Listener, caller: Tenant, duet: str):
    """Audio that fails, and comes again after the other tab began, stays paused where it was."""
    page = listener.page
    listener.open(caller, duet)
    second = Listener(page.context.new_page())
    second.page.goto(listener.address)
    until(second.page, READY)
    page.route("**/audio*", lambda route: route.abort())
    listener.button("Play").click()
    until(page, "document.querySelector('audio').error !== null")
    second.button("Play").click()
    until(second.page, f"!{PAUSED} && document.querySelector('audio').currentTime > 0.2")
    page.unroute("**/audio*")
    until(page, "document.querySelector('audio').readyState >= 1", seconds=60)
    page.wait_for_timeout(300)
    assert not listener.playing
    assert second.playing
