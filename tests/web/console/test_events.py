"""Endpoints for events in the console: made, tested, changed and deleted by forms, without any script."""

import re
from datetime import UTC, datetime

import httpx
import pytest

from tests.support.console import sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import House
from vault.database.schema.outbox import outbox_destinations
from vault.domain.outbox.attempt import Answer

_MARKUP = "<b>not here</b>"


@pytest.fixture
def browser(house: House, tenant: Tenant) -> httpx.Client:
    """Somebody with every right."""
    return sign_in(house, tenant.name)


def nonce_of(page: httpx.Response, action: str) -> str:
    """Return the hidden field of a form."""
    found = re.search(
        rf'<form method="post" action="[^"]*{action}"[^>]*>.*?name="nonce" value="([^"]+)"',
        page.text,
        re.DOTALL,
    )
    assert found, (action, page.text[-3000:])
    return found[1]


def test_the_life_of_an_endpoint(
    house: House, tenant: Tenant, browser: httpx.Client, monkeypatch: pytest.MonkeyPatch
):
    """Its secret is shown once; what was wrong is filled in again; a test shows what it answered."""
    base = f"/console/accounts/{tenant.name}/events"
    page = browser.get(base)
    said = {"nonce": nonce_of(page, "/events"), "url": "https://crm.example/hook", "description": "CRM"}
    wrong = browser.post(base, data=said)
    assert wrong.status_code == 422
    assert 'id="wrong-types"' in wrong.text
    assert 'value="https://crm.example/hook"' in wrong.text
    chosen = said | {"types": ["recording.available", "hold.placed"], "nonce": nonce_of(wrong, "/events")}
    made = browser.post(base, data=chosen)
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]+", made.text)
    assert browser.post(base, data=chosen).text.count(secret) == 1
    shown = browser.get(base)
    assert secret not in shown.text
    (one,) = set(re.findall(rf"{base}/(ep_[a-z0-9]+)", shown.text))
    page = browser.get(f"{base}/{one}")
    assert re.findall(r'name="types" value="([^"]+)" checked', page.text) == [
        "recording.available",
        "hold.placed",
    ]

    async def answer(_outside: object, _url: str, _headers: object, _body: bytes) -> Answer:
        return Answer(status=404, body=_MARKUP.encode())

    outside = house.vault.events.deliveries.test.outside
    monkeypatch.setattr(type(outside), "post", answer)
    tested = browser.post(
        f"{base}/{one}/test", data={"nonce": nonce_of(page, "/test")}, follow_redirects=True
    )
    assert "deliveries?event=evt_" in str(tested.url)
    assert "&lt;b&gt;not here&lt;/b&gt;" in tested.text
    assert _MARKUP not in tested.text
    assert "404" in tested.text
    again = browser.post(
        f"{base}/{one}/replay", data={"nonce": nonce_of(page, "/replay"), "after": "0"}, follow_redirects=True
    )
    assert "0 events are sent again." in again.text
    wrong = browser.post(f"{base}/{one}/replay", data={"nonce": nonce_of(again, "/replay")})
    assert wrong.status_code == 422
    turned = browser.post(
        f"{base}/{one}/secret", data={"nonce": nonce_of(page, "/secret"), "grace_seconds": "0"}
    )
    assert re.findall(r"whsec_[A-Za-z0-9+/=]+", turned.text) not in ([], [secret])
    change = {"nonce": nonce_of(page, one), "url": "https://crm.example/other", "types": "*", "ordered": "on"}
    changed = browser.post(f"{base}/{one}", data=change, follow_redirects=True)
    assert "The endpoint is changed" in changed.text
    kept = tenant.http.get(tenant.url(f"/event-endpoints/{one}")).json()
    assert (kept["url"], kept["types"], kept["ordered"], kept["description"]) == (
        "https://crm.example/other", ["*"], True, "",
    )  # fmt: skip
    gone = {"nonce": nonce_of(changed, "/deletion"), "name": tenant.name}
    assert (
        "The endpoint is deleted"
        in browser.post(f"{base}/{one}/deletion", data=gone, follow_redirects=True).text
    )
    assert tenant.http.get(tenant.url(f"/event-endpoints/{one}")).status_code == 404


def test_the_overview_says_that_an_endpoint_fails(house: House, tenant: Tenant, browser: httpx.Client):
    """One that was switched off too; not while it works."""
    overview = f"/console/accounts/{tenant.name}"
    said = {"url": "https://crm.example/hook", "types": ["hold.placed"]}
    made = tenant.http.post(tenant.url("/event-endpoints"), json=said).json()["id"]
    assert "endpoint for events" not in browser.get(overview).text
    row = {
        "destination": f"events/{made}", "account_id": tenant.id, "served_at": datetime.now(UTC), "failures": 5,
        "warned": 0, "disabled_at": datetime.now(UTC),
    }  # fmt: skip
    house.call(
        house.vault.database.write,
        lambda tx: tx.connection.execute(outbox_destinations.insert().values(row)) and None,
    )
    text = browser.get(overview).text
    assert "1 endpoint for events fails" in text
    assert "1 is switched off" in text
    assert "switched off" in browser.get(f"{overview}/events").text
