"""A policy on card data reaches earlier recordings: begun, paused, continued and stopped, by the console and REST."""

import time
from datetime import timedelta

import httpx

from tests.support.console import form_of, sign_in
from tests.support.keyed import CARD, call, keyed
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.test_card_data import RATE, SEE_OTHER, WRONG, base, corpus, heard
from vault.database.transaction import Transaction
from vault.domain.recordings.back_fill import BackFill

PATH = "/card-data/back-fill"


def with_card(tenant: Tenant, policy: str) -> str:
    """Return a recording with a card number that arrived before the policy."""
    samples = call((2.0, keyed(CARD)), seconds=8, channels=2)
    recording = tenant.uploaded(corpus.encode("wav", "pcm_mulaw", samples, rate=RATE), ref="keyed")
    tenant.wait(recording)
    set_to = tenant.http.put(tenant.url("/card-data"), json={"keyed_digits": policy})
    assert set_to.status_code == 200, set_to.text
    return recording


def back_fill(tenant: Tenant) -> dict[str, object]:
    """Return the progress."""
    found: dict[str, object] = tenant.http.get(tenant.url(PATH)).json()
    return found


def until_done(tenant: Tenant) -> dict[str, object]:
    """Return what became of it once nothing is left to search."""
    while (found := back_fill(tenant))["state"] == "running":
        time.sleep(0.05)
    return found


def begun_later(house: House, tenant: Tenant) -> None:
    """Begin a back-fill that is due in an hour: no worker is faster than who presses a button."""

    def begin(tx: Transaction) -> None:
        policy, now = tx.card_data.policy(tenant.id), tx.now()
        assert policy.changed_at is not None
        one = BackFill(
            account_id=tenant.id, keyed_digits=policy.keyed_digits, policy_at=policy.changed_at, state="running",
            begun_at=now, begun_by="key_test", changed_at=now, changed_by="key_test", recordings=1, seconds=8.0,
        )  # fmt: skip
        tx.card_data_back_fills.begin(one)
        assert tx.card_data_back_fills.try_again(one, timedelta(hours=1), tries=0)

    house.call(house.vault.recordings.recordings.database.write, begin)


def press(client: httpx.Client, tenant: Tenant, state: str) -> httpx.Response:
    """Press a button of the page."""
    page, action = client.get(f"{base(tenant)}{PATH}"), f"{base(tenant)}{PATH}/state"
    forms = [form for form in page.text.split("<form ") if f'action="{action}"' in form]
    (form,) = [form for form in forms if f'value="{state}"' in form]
    nonce = form.split('name="nonce" value="')[1].split('"')[0]
    return client.post(action, data={"nonce": nonce, "state": state})


def test_a_card_number_is_removed_from_an_earlier_recording(house: House, tenant: Tenant):
    """Nothing happens before the name is typed; the page shows what became of it, and the log who asked."""
    recording = with_card(tenant, "redact")
    assert heard(tenant, recording)[int(2.2 * RATE) : int(5 * RATE)].any()
    preview = tenant.http.get(tenant.url("/card-data/preview")).json()
    assert (preview["keyed_digits"], preview["recordings"], round(preview["seconds"])) == ("redact", 1, 8)
    client, path = sign_in(house, tenant.name), f"{base(tenant)}{PATH}"
    assert path in client.get(f"{base(tenant)}/card-data").text
    form = form_of(client.get(path), path)
    assert client.post(path, data=form | {"name": "x"}).status_code == WRONG
    assert tenant.http.get(tenant.url(PATH)).status_code == 404
    begun = client.post(path, data=form | {"name": tenant.name})
    assert begun.status_code == SEE_OTHER, begun.text
    found = until_done(tenant)
    assert (found["state"], found["searched"], found["removed"]) == ("done", 1, 1)
    assert not heard(tenant, recording)[int(2.2 * RATE) : int(5 * RATE)].any()
    page = client.get(path).text
    assert "all are searched" in page
    assert CARD not in page
    events = tenant.http.get(tenant.url("/access-events"), params={"limit": 100}).json()["items"]
    assert [one["result"] for one in events if one["type"] == "card_data.back_fill"] == ["begun", "done"]


def test_it_is_paused_and_goes_on(house: House, tenant: Tenant):
    """By the buttons of the page; while it is not over, no other begins."""
    with_card(tenant, "propose")
    client = sign_in(house, tenant.name)
    begun_later(house, tenant)
    second = tenant.http.post(tenant.url(PATH), json={"keyed_digits": "propose"})
    assert (second.status_code, "Stop it first" in second.text) == (409, True)
    assert press(client, tenant, "paused").status_code == SEE_OTHER
    assert back_fill(tenant)["state"] == "paused"
    assert press(client, tenant, "running").status_code == SEE_OTHER
    found = until_done(tenant)
    assert (found["state"], found["searched"], found["proposed"], found["removed"]) == ("done", 1, 1, 0)


def test_one_that_is_stopped_does_not_go_on(house: House, tenant: Tenant):
    """By the button; what it has not searched stays as it was, and another one can begin."""
    with_card(tenant, "propose")
    client = sign_in(house, tenant.name)
    begun_later(house, tenant)
    assert press(client, tenant, "stopped").status_code == SEE_OTHER
    found = back_fill(tenant)
    assert (found["state"], found["cause"], found["searched"]) == ("stopped", "asked", 0)
    over = tenant.http.patch(tenant.url(PATH), json={"state": "running"})
    assert (over.status_code, "is over" in over.text) == (409, True)
    assert tenant.http.post(tenant.url(PATH), json={"keyed_digits": "propose"}).status_code == 201
    assert until_done(tenant)["proposed"] == 1


def test_removal_needs_the_right_to_erase(house: House, tenant: Tenant):
    """A key that may change settings begins no removal, and lets none go on; another policy than seen is refused."""
    with_card(tenant, "redact")
    settings = house.client(house.key_for(tenant.name, "settings:write", "recordings:read"))
    assert settings.post(tenant.url(PATH), json={"keyed_digits": "redact"}).status_code == 403
    changed = settings.post(tenant.url(PATH), json={"keyed_digits": "propose"})
    assert (changed.status_code, "was changed meanwhile" in changed.text) == (409, True)
    page = sign_in(house, tenant.name, "settings:write", "recordings:read").get(f"{base(tenant)}{PATH}")
    assert "Search them" not in page.text
    assert tenant.http.get(tenant.url(PATH)).status_code == 404
