"""A privacy officer and a second person in Chromium, with scripts off: policy, hold, erasure, approval, receipt."""

import time

from playwright.sync_api import Browser, Page

from tests.support.tenant import PATIENCE, Tenant
from tests.support.web_house import AUDIO, House

NUMBER = "+33612345678"


def entered(browser: Browser, house: House, tenant: Tenant) -> Page:
    """Sign in by the form, without scripts, with a key that the operator made."""
    _, key = house.call(
        house.vault.accounts.api_keys.issue,
        name="person",
        scopes=["*"],
        account_id=tenant.id,
        actor="operator",
    )
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{house.url}/console/sign-in")
    page.get_by_label("API key").fill(key.text)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**/console/accounts/{tenant.name}")
    return page


def confirm(page: Page, tenant: Tenant, button: str) -> None:
    """Type the account's name and press the button of a dialog, or of a page that is the question."""
    place = page.locator("dialog[open]") if page.locator("dialog[open]").count() else page.locator("main")
    place.get_by_label("To confirm, type").fill(tenant.name)
    place.get_by_role("button", name=button, exact=True).click()


def test_an_erasure_that_a_second_person_approves(house: House, tenant: Tenant, browser: Browser):
    """From the rule to the receipt, which the page then verifies."""
    call = {
        "direction": "inbound",
        "from": NUMBER,
        "to": "+33123456789",
        "started_at": "2026-01-31T09:28:00Z",
    }
    assert tenant.http.put(tenant.url("/calls/call-1"), json=call).status_code < 300
    recording = tenant.uploaded(AUDIO)
    first, second = entered(browser, house, tenant), entered(browser, house, tenant)
    first.get_by_role("link", name="Approvals").click()
    first.get_by_role("button", name="Change the rule").click()
    first.get_by_label("The rule is on").check()
    first.get_by_label("Erasure that a person asked for").check()
    confirm(first, tenant, "Change the rule")
    assert "The rule of approvals is set" in first.get_by_role("status").inner_text()
    first.get_by_role("link", name="Requests").click()
    first.get_by_role("link", name="Enter a request").click()
    first.get_by_label("What they ask for").select_option("erasure")
    first.get_by_label("Your reference").fill("letter 12")
    first.get_by_label("Telephone numbers of the person").fill(NUMBER)
    first.get_by_role("button", name="Enter and search").click()
    first.get_by_role("button", name="Record it").click()
    first.get_by_label("On everything that is found").select_option("erased")
    first.get_by_role("button", name="Check the decision").click()
    confirm(first, tenant, "Decide")
    assert "Another person must approve" in first.get_by_role("status").inner_text()
    assert tenant.get(recording)["state"] == "available"
    second.get_by_role("link", name="Approvals").click()
    second.get_by_role("link", name="Erasure that a person asked for").click()
    second.get_by_role("button", name="Approve").click()
    confirm(second, tenant, "Approve")
    deadline = time.monotonic() + PATIENCE
    first.get_by_role("link", name="Requests").click()
    first.get_by_role("link", name="letter 12").click()
    while not first.get_by_role("link", name="Download the receipt").count():
        assert time.monotonic() < deadline
        first.reload()
    assert tenant.get(recording)["state"] == "erased"
    with first.expect_download() as download:
        first.get_by_role("link", name="Download the receipt").click()
    first.get_by_role("link", name="Verify a receipt").click()
    first.get_by_label("Receipt (JSON) or proof").set_input_files(download.value.path())
    first.get_by_role("button", name="Verify").click()
    assert "This receipt is right" in first.get_by_role("status").inner_text()
