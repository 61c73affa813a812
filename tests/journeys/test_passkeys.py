"""In Chromium, with an authenticator of its own: an invitation becomes a passkey, and the passkey signs in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page
from sqlalchemy import update

from tests.support.chromium import chromium, complaints, new_page
from tests.support.tenant import Tenant
from tests.support.web_house import open_house
from vault.database.schema.accounts import console_sessions


def add_authenticator(page: Page) -> tuple[object, str]:
    """Give a page a device that verifies its user; return the session of the protocol and the device's id."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return devices, made["authenticatorId"]


def test_an_invited_person_signs_in_by_a_passkey(tmp_path: Path):
    """The address makes a passkey once; then the passkey signs in, with the roles of the person."""
    with chromium() as browser, open_house(tmp_path) as house, new_page(browser) as page:
        tenant = Tenant.open(house.admin)
        body = {"name": "Ada Byron", "email": "ada@acme.example", "roles": ["supervisor"]}
        made = house.admin.post(tenant.url("/members"), json=body)
        assert made.status_code == 201, made.text
        address = made.json()["invitation"]["address"]
        assert address.startswith("http://localhost:")
        add_authenticator(page)
        errors = complaints(page)
        # Somebody typed the address of the machine: passkeys need a name.
        page.goto(address.replace("localhost", "127.0.0.1"))
        page.wait_for_url(lambda url: url.startswith("http://localhost:"))
        page.get_by_label("Name of this device").fill("Laptop")
        page.get_by_role("button", name="Make a passkey and sign in").click()
        page.wait_for_url(f"**/console/accounts/{tenant.name}**")
        assert errors == []
        member = house.admin.get(tenant.url(f"/members/{made.json()['member']['id']}")).json()
        assert (member["name"], member["roles"], member["passkeys"]) == ("Ada Byron", ["supervisor"], 1)
        assert member["last_signed_in_at"] is not None
        assert page.goto(address).status == 404
        page.context.clear_cookies()
        page.goto(f"{address.partition('/console')[0]}/console/sign-in")
        page.wait_for_url(f"**/console/accounts/{tenant.name}**")
        assert (
            page.goto(f"{address.partition('/console')[0]}/console/accounts/{tenant.name}/access").status
            == 403
        )
        found = [one["result"] for one in tenant.events() if one["type"] == "console.signed_in"]
        assert found == ["passkey", "passkey"]


def test_a_weighty_act_asks_for_the_passkey_again(tmp_path: Path):
    """After 16 minutes the form says so, and keeps what was typed; then the passkey confirms, and the key is made."""
    with chromium() as browser, open_house(tmp_path) as house, new_page(browser) as page:
        tenant = Tenant.open(house.admin)
        made = house.admin.post(tenant.url("/members"), json={"name": "Ada Byron", "roles": ["admin"]})
        assert house.admin.put(tenant.url("/step-up"), json={"required": True}).status_code == 200
        address = made.json()["invitation"]["address"]
        add_authenticator(page)
        page.goto(address)
        page.get_by_role("button", name="Make a passkey and sign in").click()
        page.wait_for_url(f"**/console/accounts/{tenant.name}**")
        long_ago = update(console_sessions).values(verified_at=datetime.now(UTC) - timedelta(minutes=16))
        house.call(house.vault.database.write, lambda tx: tx.connection.execute(long_ago) and None)
        origin = address.partition("/console")[0]
        keys = f"{origin}/console/accounts/{tenant.name}/access/keys"
        page.goto(keys)

        def make_key() -> None:
            page.get_by_label("Name", exact=True).fill("for the dialler")
            page.get_by_label("audit:read", exact=True).check()
            page.get_by_role("button", name="Make the key", exact=True).click()

        make_key()
        link = page.get_by_role("link", name="Confirm, in a new tab")
        link.wait_for()
        assert page.get_by_label("Name", exact=True).input_value() == "for the dialler"
        assert link.get_attribute("target") == "_blank"
        page.goto(f"{origin}{link.get_attribute('href')}")
        errors = complaints(page)
        page.get_by_role("button", name="Confirm with a passkey").click()
        page.get_by_text("For 15 minutes you are not asked again").wait_for()
        assert errors == []
        page.goto(keys)
        make_key()
        page.get_by_role("heading", name="The new key").wait_for()
