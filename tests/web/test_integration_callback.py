"""The way back from a system at which a person authorizes an integration."""

from urllib.parse import parse_qs, urlsplit

import httpx

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House

_SAID = {
    "system": "zendesk", "settings": {"subdomain": "acme"}, "client": {"id": "vault", "secret": "s3cret"},
    "recipient": "Zendesk", "country": "US", "safeguard": "adequacy",
}  # fmt: skip


def test_the_answer_counts_for_who_has_begun_it(house: House, tenant: Tenant):
    """Without a session it leads to the sign-in and back; for anybody else, and a second time, it is over."""
    headers = house.key_for(tenant.name, "settings:write")
    client = house.client(headers)
    made = client.post(tenant.url("/integrations"), json=_SAID)
    assert made.status_code == 201, made.text
    assert (made.json()["access"], made.json()["client_id"]) == ("oauth", "vault")
    assert made.json()["unauthorized_since"] is not None
    assert "s3cret" not in made.text
    begun = client.post(tenant.url(f"/integrations/{made.json()['id']}/authorization")).json()
    address = urlsplit(begun["url"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.hostname == "acme.zendesk.com"
    assert query["code_challenge_method"] == "S256"
    back = urlsplit(query["redirect_uri"]).path
    said = {"state": query["state"], "error": "access_denied"}
    asked = house.client().get(back, params=said)
    assert (asked.status_code, urlsplit(asked.headers["location"]).path) == (303, "/console/sign-in")
    stranger = Tenant.open(house.admin)
    unknown = {"state": "x" * 43, "code": "c"}
    for browser, wrong, status in (
        (sign_in(house, stranger.name), said, 404),
        (sign_in(house, tenant.name), said, 404),
        (sign_in(house, tenant.name, "recordings:read"), said, 403),
        (sign_in(house, tenant.name), unknown, 404),
        (sign_in(house, tenant.name), {}, 404),
    ):
        assert browser.get(back, params=wrong).status_code == status
    own = _signed_in(house, headers)
    assert own.get(back, params=said).status_code == 409
    assert own.get(back, params=said).status_code == 404
    keyed = client.patch(
        tenant.url(f"/integrations/{made.json()['id']}"), json={"client": {"id": "", "secret": "x"}}
    )
    assert keyed.status_code == 422


def _signed_in(house: House, headers: dict[str, str]) -> httpx.Client:
    """Return a browser in which somebody has signed in with this very key."""
    browser = house.client({"Sec-Fetch-Site": "same-origin"})
    key = headers["Authorization"].removeprefix("Bearer ")
    assert browser.post("/console/sign-in", data={"key": key}).status_code == 303
    return browser
