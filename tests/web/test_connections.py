"""Connections and accounts over REST: listed, shown without secrets, deleted, and no longer replaced by mistake.

Sign-in connections over REST: what a key may grant.
"""

import secrets

import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import House

TWILIO = {
    "provider": "twilio",
    "credentials": {"account_sid": "AC" + "0" * 32, "auth_token": "f" * 32},
}


@pytest.mark.faults
def test_connections_are_listed_and_shown_without_secrets(tenant: Tenant):
    """By name, as PUT answered but for what the worker noted since; the secret is nowhere."""
    made = tenant.http.put(tenant.url("/connections/carrier"), json=TWILIO).json()
    listed = tenant.http.get(tenant.url("/connections"))
    assert [one["name"] for one in listed.json()["items"]] == ["carrier", "main"]
    # The worker may have asked the provider by now, and have noted that it got no list.
    noted = {name: made[name] for name in ("last_list_error", "last_list_error_at")}
    assert listed.json()["items"][0] | noted == made
    shown = tenant.http.get(tenant.url("/connections/main"))
    assert (shown.status_code, shown.json()["webhook_url"]) == (200, tenant.webhook_url)
    for text in (listed.text, shown.text):
        assert tenant.secret not in text
        assert "f" * 32 not in text
    assert tenant.http.get(tenant.url("/connections/other")).status_code == 404


@pytest.mark.faults
def test_another_provider_under_the_same_name_is_409(tenant: Tenant):
    """With the remedy; the connection that is there goes on as it was."""
    answer = tenant.http.put(tenant.url("/connections/main"), json=TWILIO)
    assert (answer.status_code, answer.json()["reasons"]) == (409, ["other_provider"])
    assert "another name, or DELETE" in answer.json()["detail"]
    assert tenant.hook("call.started", call_ref="call-1").status_code == 200
    assert tenant.http.delete(tenant.url("/connections/main")).status_code == 204
    assert tenant.http.put(tenant.url("/connections/main"), json=TWILIO).status_code == 200


@pytest.mark.faults
def test_a_deleted_connection_takes_nothing(tenant: Tenant):
    """Its webhooks are 401 as those of nobody's; one of the same name has another address; it is on record."""
    assert tenant.http.delete(tenant.url("/connections/main")).status_code == 204
    assert tenant.http.delete(tenant.url("/connections/main")).status_code == 404
    assert tenant.hook("call.started", call_ref="call-1").status_code == 401
    assert tenant.http.get(tenant.url("/connections")).json()["items"] == []
    said = {"provider": "platform", "credentials": {"secret": tenant.secret}}
    again = tenant.http.put(tenant.url("/connections/main"), json=said).json()
    assert again["webhook_url"] != tenant.webhook_url
    assert tenant.hook("call.started", call_ref="call-1").status_code == 401
    assert tenant.types().count("connection.deleted") == 1


@pytest.mark.faults
def test_accounts_are_listed_by_page(house: House):
    """All of them by name, for a key for all accounts."""
    made = {Tenant.open(house.admin).name for _ in range(3)}
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = house.admin.get("/v1/accounts", params={"limit": "2", **cursor}).json()
        found += [one["account"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(found) == len(set(found))
    assert made <= set(found)
    assert found == sorted(found)


@pytest.mark.faults
def test_a_bound_key_lists_its_own_account_alone(house: House, tenant: Tenant):
    """Whatever it asks for; and listing asks for the scope that reads an account."""
    reader = house.client(house.key_for(tenant.name, "recordings:read"))
    Tenant.open(house.admin)
    listed = reader.get("/v1/accounts").json()
    assert [one["account"] for one in listed["items"]] == [tenant.name]
    assert listed["items"][0] == reader.get(tenant.url()).json()
    assert reader.get("/v1/accounts", params={"cursor": tenant.name}).json()["items"] == []
    one = reader.get("/v1/accounts", params={"limit": "1"}).json()
    assert reader.get("/v1/accounts", params={"cursor": one["next_cursor"]}).json()["items"] == []
    other = house.client(house.key_for(tenant.name, "ingest", "settings:write"))
    assert other.get("/v1/accounts").status_code == 403
    nobody = house.client({"Authorization": f"Bearer cv_{secrets.token_hex(16)}_x"})
    assert nobody.get("/v1/accounts").status_code == 401


def test_a_key_grants_no_more_than_it_has(house: House, tenant: Tenant):
    """A role with a scope that the key lacks is 403, by name."""
    key = house.client(house.key_for(tenant.name, "keys:write", "recordings:read", "links:write"))
    body = {"issuer": "https://idp.example", "client_id": "c", "roles": [{"value": "v", "role": "admin"}]}
    refused = key.put(tenant.url("/sign-in-connections/x"), json=body)
    assert refused.status_code == 403
    assert "audit:read" in refused.json()["detail"]
    body["roles"] = [{"value": "v", "role": "listener"}]
    made = key.put(tenant.url("/sign-in-connections/x"), json=body)
    assert made.status_code == 200
    assert "client_secret" not in made.json()
