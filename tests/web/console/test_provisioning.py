"""The page of a company's directory: what to enter there, its tokens, and the end of it."""

import re
import secrets

import httpx

from tests.support.console import sign_in
from tests.support.scim_client import CONNECTION, Directory
from tests.support.tenant import Tenant
from tests.support.web_house import House


def post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    """Send a form of the page."""
    return client.post(path, data={"nonce": secrets.token_hex(8), **form})


def test_a_directory_is_connected_and_disconnected(house: House, tenant: Tenant):
    """The token is shown once and opens SCIM; who lacks a scope of the roles connects none."""
    page = f"/console/accounts/{tenant.name}/access/provisioning"
    client = sign_in(house, tenant.name, "*")
    assert "Connect one first" in client.get(page).text
    assert tenant.http.put(tenant.url("/sign-in-connections/main"), json=CONNECTION).is_success
    weak = sign_in(house, tenant.name, "keys:write")
    setting = {"connection": "main", "roles_from": "claim", "revokes_links": "no"}
    assert post(weak, page, **setting).status_code == 403
    done = post(client, page, **setting)
    assert (done.status_code, done.headers["location"]) == (303, f"{page}?done=provisioning_set")
    assert tenant.http.get(tenant.url("/provisioning")).json()["revokes_links"] is False
    nonce = secrets.token_hex(8)
    shown = [client.post(f"{page}/tokens", data={"nonce": nonce}).text for _ in range(2)]
    tokens = {re.findall(r"cvp_[0-9a-f]{32}_[A-Za-z0-9_-]{43}", one)[0] for one in shown}
    assert len(tokens) == 1
    base = f"/scim/v2/{tenant.name}/Users"
    headers = {"Authorization": f"Bearer {tokens.pop()}"}
    assert tenant.http.get(base, headers=headers).status_code == 200
    again = client.get(page).text
    assert "cvp_" not in again
    token = re.findall(r"/tokens/(ptok_[0-9a-f]{32})/revocation", again)[0]
    assert post(client, f"{page}/tokens/{token}/revocation").status_code == 303
    assert tenant.http.get(base, headers=headers).status_code == 401
    wrong = post(client, f"{page}/deletion", name="another")
    assert wrong.status_code in {200, 400, 422}
    assert post(client, f"{page}/deletion", name=tenant.name).status_code == 303
    assert tenant.http.get(tenant.url("/provisioning")).status_code == 404


def test_the_log_names_the_directory(house: House, tenant: Tenant):
    """And nobody's name stands in the clear part of an event."""
    directory = Directory(tenant)
    made = directory.user("ada-unusual")
    assert directory.patch(
        f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False}
    ).is_success
    house.call(house.vault.database.write, lambda tx: tx.tree.settle())
    events = tenant.http.get(tenant.url("/access-events?limit=100")).json()["items"]
    told = [one for one in events if one["type"].startswith("provisioned_user.")]
    assert [one["type"] for one in told] == ["provisioned_user.activated", "provisioned_user.deactivated"]
    assert {one["actor"] for one in told} == {directory.token_id}
    assert {one["result"] for one in told} == {made["id"]}
    text = sign_in(house, tenant.name, "*").get(f"/console/accounts/{tenant.name}/log").text
    assert "Person has left the directory" in text
