"""Share a recording from its page and from the player: what the form asks for, REST's list shows."""

import re
from datetime import datetime, timedelta

import httpx
import pytest
from playwright.sync_api import Browser

from tests.support.chromium import new_page
from tests.support.console import furnished, key_text, sign_in
from tests.support.tenant import Tenant, open_link, tone
from tests.support.web_house import House

FORM = {"listener": "kim@example.org", "purpose": "dispute", "expires_in": "3600", "sessions": "2"}
_ADDRESS = re.compile(r'id="copied-link"[^>]*>([^<]+)<')


@pytest.fixture(scope="module")
def account(house: House) -> tuple[Tenant, dict[str, str]]:
    """An account with recordings in several states."""
    return furnished(house)


def page_of(tenant: Tenant, recording: str) -> str:
    """Return the path of a recording's page."""
    return f"/console/accounts/{tenant.name}/recordings/{recording}"


def shared(client: httpx.Client, page: str, nonce: str, **fields: str) -> httpx.Response:
    """Send the form."""
    return client.post(f"{page}/links", data=FORM | {"nonce": nonce} | fields)


def test_a_link_has_the_limits_that_were_chosen(house: House, account: tuple[Tenant, dict[str, str]]):
    """Once for each form; its address opens the player, from the networks and at the moment that were typed."""
    tenant, ids = account
    client, page = sign_in(house, tenant.name), page_of(tenant, ids["kept-1"])
    assert f'href="{page}/share"' in client.get(page).text
    assert 'name="at" type="text" value="1:30"' in client.get(f"{page}/share?at=90").text
    limits = {"networks": "127.0.0.0/8\r\n2001:db8::/32", "download": "on", "at": "1:30"}
    made = [shared(client, page, "n1", **limits) for _ in range(2)]
    addresses = {_ADDRESS.search(one.text)[1] for one in made}  # type: ignore[index]
    assert [one.status_code for one in made] == [200, 200]
    assert len(addresses) == 1
    address = addresses.pop()
    assert address.endswith("#t=90")
    assert "This is the link" not in made[0].text
    link = tenant.http.get(tenant.url(f"/recordings/{ids['kept-1']}/links")).json()["items"][0]
    wanted = {"sessions": 2, "networks": ["127.0.0.0/8", "2001:db8::/32"], "download": True, "kind": "player"}
    assert {name: link[name] for name in wanted} == wanted
    assert (link["listener"], link["purpose"]) == ("kim@example.org", "dispute")
    life = datetime.fromisoformat(link["expires_at"]) - datetime.fromisoformat(link["created_at"])
    assert abs(life - timedelta(hours=1)) < timedelta(minutes=1)
    assert link["created_by"].startswith("key_")
    assert address not in client.get(f"{page}/share").text
    opened = open_link(house.client(), address.partition("#")[0], nonce="n")
    assert opened.headers["location"].startswith("/s/sess_")


def test_signing_out_leaves_what_was_shared(house: House, account: tuple[Tenant, dict[str, str]]):
    """The link is somebody else's: the end of its maker's session does not revoke it, as the listening of the maker."""
    tenant, ids = account
    client = sign_in(house, tenant.name)
    made = shared(client, page_of(tenant, ids["kept-1"]), "n2")
    address = _ADDRESS.search(made.text)[1]  # type: ignore[index]
    client.post("/console/sign-out")
    assert house.client().get(address).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("listener", ""), ("purpose", ""), ("sessions", "0"), ("sessions", "often"), ("expires_in", "90000"),
        ("networks", "the office"), ("at", "later"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_nothing_typed_is_lost(
    house: House, account: tuple[Tenant, dict[str, str]], field: str, value: str
):
    """No link is made; the other fields are as they were typed."""
    tenant, ids = account
    before = tenant.types(ids["kept-1"]).count("link.created")
    refused = shared(
        sign_in(house, tenant.name), page_of(tenant, ids["kept-1"]), f"w{field}{value}", **{field: value}
    )
    assert refused.status_code == 422
    assert f'id="wrong-{field}"' in refused.text
    if field != "listener":
        assert 'value="kim@example.org"' in refused.text
    assert tenant.types(ids["kept-1"]).count("link.created") == before


def test_what_cannot_be_heard_cannot_be_shared(house: House, account: tuple[Tenant, dict[str, str]]):
    """In quarantine never here; restricted for a legal claim that is named, by who may restrict."""
    tenant, ids = account
    client = sign_in(house, tenant.name)
    waits, restricted = page_of(tenant, ids["waits-1"]), page_of(tenant, ids["kept-2"])
    assert "It cannot be shared" in client.get(f"{waits}/share").text
    assert shared(client, waits, "q", purpose="consent_check").status_code == 403
    assert shared(client, restricted, "r1").status_code == 409
    assert shared(client, restricted, "r2", purpose="legal_claims").status_code == 422
    claim = {"purpose": "legal_claims", "purpose_text": "case 7"}
    assert shared(client, restricted, "r3", **claim).status_code == 200
    sharer = sign_in(house, tenant.name, "links:write", "recordings:read")
    assert "It cannot be shared" in sharer.get(f"{restricted}/share").text
    assert shared(sharer, restricted, "r4", **claim).status_code == 403


def test_without_recordings_read_nothing_is_told_of_the_call(
    house: House, account: tuple[Tenant, dict[str, str]]
):
    """The form alone: neither the parties nor who else has a link."""
    tenant, ids = account
    page = sign_in(house, tenant.name, "links:write").get(f"{page_of(tenant, ids['kept-1'])}/share").text
    assert "Who listens" in page
    assert "Marta Lindqvist" not in page
    assert "Kim Doe" not in page


def test_the_player_leads_back_and_shares_its_moment(
    house: House, browser: Browser, account: tuple[Tenant, dict[str, str]]
):
    """For somebody who is signed in at the console; a listener with a link alone sees neither."""
    tenant, _ = account
    recording = tenant.uploaded(tone(6.0), call="long", ref="long")
    with new_page(browser) as page:
        page.goto(tenant.link(recording)["url"])
        page.get_by_role("button", name="Listen").click()
        page.locator("#controls").wait_for()
        assert page.get_by_role("link", name="Share").count() == 0
        assert page.get_by_role("link", name="Back to the recording").count() == 0
        page.goto(f"{house.url}/console/sign-in")
        page.get_by_label("API key").fill(key_text(house, tenant.name))
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.goto(house.url + page_of(tenant, recording))
        page.get_by_label("Purpose").select_option("quality")
        page.get_by_role("button", name="Listen").click()
        page.locator("#controls").wait_for()
        page.goto(f"{page.url}#t=0:03")
        page.get_by_role("link", name="Share").click()
        page.wait_for_url("**/share?at=3")
        page.get_by_role("link", name="The recording").click()
        assert page.url.endswith(recording)
