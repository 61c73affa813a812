"""A person with a browser: opens the link, presses Listen, and hears the call."""

import pytest
from playwright.sync_api import Page

from tests.support.chromium import complaints, until
from tests.support.tenant import Tenant, tone

pytestmark = [pytest.mark.browser]


def test_a_listener_presses_the_button_and_hears_the_call(page: Page, tenant: Tenant):
    """The inert page, one press, the player: time advances, a seek reaches the end, nothing is blocked."""
    errors = complaints(page)
    recording = tenant.uploaded(tone(60.0))
    page.goto(tenant.link(recording, sessions=1)["url"])
    assert "logged" in page.inner_text("main")
    assert "playback.open" not in tenant.types(recording)
    violations = page.evaluate("window.violations")
    page.get_by_role("button", name="Listen").click()
    page.wait_for_url("**/s/sess_*")
    audio = "document.querySelector('audio')"
    page.get_by_role("button", name="Play").click()
    until(page, f"{audio}.currentTime > 0.3")
    assert page.evaluate(f"{audio}.duration") == pytest.approx(60.0, abs=0.1)
    page.evaluate(f"{audio}.currentTime = 59.5")
    until(page, f"{audio}.ended")
    assert page.evaluate(f"{audio}.error") is None
    assert (violations, page.evaluate("window.violations"), errors) == ([], [], [])
    kinds = tenant.types(recording)
    assert kinds.count("playback.open") == 1
    assert "playback.grant" in kinds


def test_a_link_that_is_used_up_says_so_kindly(page: Page, tenant: Tenant):
    """The second browser gets the friendly page, and no player."""
    url = tenant.link(tenant.uploaded(tone(1.0)), sessions=1)["url"]
    tenant.http.post(f"{url}/open", data={"nonce": "somebody else"})
    page.goto(url)
    page.get_by_role("button", name="Listen").click()
    page.get_by_text("Ask the person who sent it for a new one").first.wait_for()
    assert page.evaluate("window.violations") == []
