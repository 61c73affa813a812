"""What the player reports as heard, beside what the vault knows that it sent."""

import re
import time

import pytest

from tests.journeys.player import Listener
from tests.support.chromium import until
from tests.support.tenant import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("player")]


def reports(tenant: Tenant, listener: Listener, *, count: int) -> list[str]:
    """Wait until the log has so many reports of the listener's player; return their seconds."""
    session, deadline = listener.address.rpartition("/")[2], time.monotonic() + 60
    while True:
        events = [one for one in tenant.events() if one["type"] == "playback.heard"]
        found = [one["detail"]["heard"] for one in events if one["session"] == session]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_the_player_reports_what_was_played(listener: Listener, caller: Tenant, alone: str):
    """In the spans between two stops, without what was jumped over; also if the page is closed while it plays."""
    listener.open(caller, alone)
    listener.button("Play").click()
    until(listener.page, "document.querySelector('audio').currentTime > 1.1")
    listener.seek(0.7)
    until(listener.page, "document.querySelector('audio').currentTime > 22.1")
    listener.button("Pause").click()
    (said,) = reports(caller, listener, count=1)
    begin, end = said.split(",")
    assert begin == "0-2"
    assert re.fullmatch(r"2[01]-2[34]", end)
    listener.button("Play").click()
    until(listener.page, "document.querySelector('audio').currentTime > 24.1")
    listener.unharmed()
    listener.page.close()
    assert re.fullmatch(r"2[23]-2[5-7]", reports(caller, listener, count=2)[1])
