"""In Chromium, at a real provider: sign in, see what the role allows, be signed out by the back channel."""

from pathlib import Path

import pytest

from tests.servers.oidc_provider_process import require_oidc_provider
from tests.servers.ports import free_ports
from tests.support.chromium import chromium, complaints, new_page
from tests.support.provider_sign_in import WITH_KEY, WITH_SECRET, connected_provider, sign_in_at_provider
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, open_house


@pytest.mark.parametrize("said", [WITH_SECRET, WITH_KEY], ids=["client_secret", "private_key_jwt"])
def test_a_person_signs_in_at_a_real_provider(tmp_path: Path, said: dict[str, str]):
    """One click on the address, the provider's forms, a page of the role; its logout ends the session here."""
    require_oidc_provider()
    (port,) = free_ports(1)
    with (
        chromium() as browser,
        open_house(tmp_path, VAULT_MEDIA_ALLOW=f"127.0.0.1:{port}") as house,
        new_page(browser) as page,
    ):
        tenant = Tenant.open(house.admin)
        tenant.uploaded(AUDIO)
        with connected_provider(tenant, port, "listener", said=said) as connection:
            issuer = connection["issuer"]
            home = f"{house.url}/console/accounts/{tenant.name}"
            address = f"{connection['sign_in_url']}?next=/console/accounts/{tenant.name}/recordings"
            sign_in_at_provider(page, address, "ada")
            page.wait_for_url(f"{home}/recordings")
            errors = complaints(page)
            page.reload()
            assert errors == []
            (member,) = house.admin.get(tenant.url("/members")).json()["items"]
            assert (member["name"], member["roles"]) == ("ada of the real provider", ["listener"])
            assert member["issuer"] == issuer
            assert page.goto(f"{home}/retention").status == 403
            page.goto(f"{issuer}/session/end")
            page.locator("button[value=yes]").click()
            page.wait_for_url(f"{issuer}/session/end/**")
            page.goto(f"{home}/recordings")
            page.wait_for_url("**/console/sign-in?**")
            ended = [event for event in tenant.events() if event["type"] == "console.ended"]
            assert [(event["actor"], event["result"]) for event in ended] == [
                (connection["id"], "provider_logout")
            ]


def test_a_real_provider_asks_again_for_a_weighty_act(tmp_path: Path):
    """The first sign-in says no time and confirms nothing; asked with max_age, the provider says when it asked."""
    require_oidc_provider()
    (port,) = free_ports(1)
    with (
        chromium() as browser,
        open_house(tmp_path, VAULT_MEDIA_ALLOW=f"127.0.0.1:{port}") as house,
        new_page(browser) as page,
    ):
        tenant = Tenant.open(house.admin)
        assert tenant.http.put(tenant.url("/step-up"), json={"required": True}).status_code == 200
        with connected_provider(tenant, port, "admin") as connection:
            sign_in_at_provider(page, connection["sign_in_url"], "ada")
            page.wait_for_url(f"**/console/accounts/{tenant.name}")
            page.goto(f"{house.url}/console/verification")
            page.get_by_role("link", name="Confirm at your provider").click()
            page.locator("input[name=password]").wait_for()
            if page.locator("input[name=login]").count():
                page.locator("input[name=login]").fill("ada")
            page.locator("input[name=password]").fill("anything")
            page.locator("button[type=submit]").click()
            page.wait_for_url(f"{house.url}/console/verification?asked=1")
            page.get_by_text("For 15 minutes you are not asked again").wait_for()
            found = house.admin.get(tenant.url("/console-sessions")).json()["items"]
            assert len([one for one in found if one.get("member")]) == 1
            # Who signs out here can end the provider's session too: the next person has to say who it is.
            page.goto(f"{house.url}/console/accounts/{tenant.name}")
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("link", name="Sign out at your provider").click()
            page.locator("button[value=yes]").click()
            page.wait_for_url(f"{connection['issuer']}/session/end/**")
            page.goto(connection["sign_in_url"])
            page.locator("input[name=login]").wait_for()
