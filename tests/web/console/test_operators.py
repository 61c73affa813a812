"""An operator who signs in at a provider, in the console."""

import re
import secrets
from dataclasses import replace

import httpx
import pytest

from tests.fakes.provider_lies import CLIENT, SECRET
from tests.support.console import OWN
from tests.support.provider_scene import Scene
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.test_lists import links_of
from vault.domain.sign_in.connection import OPERATORS, ProviderSettings, RoleMapping
from vault.services.sign_in.sign_in_connections import ConnectionChange
from vault.web.console.sign_in import choose_account


def test_an_operator_chooses_an_account(scene: Scene):
    """All accounts are listed, and every page of each opens; who is none sees no account."""
    other = Tenant.open(scene.house.admin)
    settings = ProviderSettings(
        issuer=scene.provider.issuer,
        client_id=CLIENT,
        client_secret=SECRET,
        scopes=("openid",),
        claim=("groups",),
        roles=(RoleMapping(value="vault-operators", role="operator"),),
    )
    change = ConnectionChange(settings=settings, keep_secret=False)
    made = scene.house.call(
        scene.house.vault.sign_in.connections.set, OPERATORS, "operators", change, actor="operator"
    )
    for name in ("sign_in_url", "redirect_uri"):
        scene.connection[name] = scene.connection[name].rpartition("/")[0] + f"/{made.id}"
    scene.provider.claims = {"groups": ["vault-operators"], "name": "Ada"}
    operator = scene.browser()
    assert scene.sign_in(operator).headers["location"] == "/console"
    accounts = operator.get("/console").text
    assert [name in accounts for name in (scene.tenant.name, other.name)] == [True, True]
    for tenant in (scene.tenant, other):
        for page in ("", "/recordings", "/access", "/log", "/connections", "/retention"):
            assert operator.get(f"/console/accounts/{tenant.name}{page}").status_code == 200, page
        assert 'href="/console">All accounts<' in operator.get(f"/console/accounts/{tenant.name}").text
    scene.provider.claims = {"groups": ["staff"]}
    scene.provider.subject = "eve"
    try:
        nobody = scene.browser()
        scene.sign_in(nobody)
    finally:
        scene.provider.subject = "ada"
    assert other.name not in nobody.get("/console").text
    assert nobody.post("/console/accounts", data={"account": "theirs"}).status_code == 403
    assert nobody.get(f"/console/accounts/{other.name}").status_code == 403
    change = replace(change, settings=replace(settings, roles=()))
    scene.house.call(
        scene.house.vault.sign_in.connections.set, OPERATORS, "operators", change, actor="operator"
    )
    assert operator.get(f"/console/accounts/{other.name}").status_code == 403
    # What an account's REST lists are its own people and connections.
    assert [one["name"] for one in other.http.get(other.url("/sign-in-connections")).json()["items"]] == []
    assert other.http.get(other.url("/members")).json()["items"] == []


def signed_in_operator(house: House, *scopes: str) -> httpx.Client:
    """Return a browser with a session of a key for all accounts."""
    _, key = house.call(
        house.vault.accounts.api_keys.issue, name="op", scopes=scopes, account_id=None, actor="operator"
    )
    client = house.client(OWN)
    assert client.post("/console/sign-in", data={"key": key.text}).status_code == 303
    return client


def test_an_operator_opens_an_account(house: House):
    """It leads there; a name that is taken or not allowed is said beside the field, and what was typed stays."""
    operator, ref = signed_in_operator(house, "*"), f"new-{secrets.token_hex(4)}"
    made = operator.post("/console/accounts", data={"account": ref, "name": "New & Sons", "locale": "fr"})
    assert (made.status_code, made.headers["location"]) == (
        303,
        f"/console/accounts/{ref}?done=account_opened",
    )
    account = house.admin.get(f"/v1/accounts/{ref}").json()
    assert (account["name"], account["locale"]) == ("New & Sons", "fr")
    assert "The account is open." in operator.get(made.headers["location"]).text
    for typed, said in ((ref, "There is an account of this name."), ("No Way", "lowercase letters")):
        again = operator.post("/console/accounts", data={"account": typed, "name": "Other"})
        assert again.status_code == 422
        assert said in again.text
        assert f'value="{typed}"' in again.text
        assert 'aria-invalid="true"' in again.text
    assert house.admin.get(f"/v1/accounts/{ref}").json()["name"] == "New & Sons"
    reader = signed_in_operator(house, "recordings:read")
    assert "Open an account" not in reader.get("/console").text
    assert reader.post("/console/accounts", data={"account": f"{ref}-2"}).status_code == 403


def test_an_operator_finds_an_account_among_many(house: House, monkeypatch: pytest.MonkeyPatch):
    """By pages in the order of names, and by its name at once."""
    monkeypatch.setattr(choose_account, "_PAGE", 2)
    tenants = sorted(Tenant.open(house.admin).name for _ in range(3))
    operator = signed_in_operator(house, "*")
    page = operator.get("/console")
    pages = [page]
    while "More" in links_of(page):
        page = operator.get(links_of(page)["More"])
        pages.append(page)
    shown = [re.findall(r'href="/console/accounts/([^"/]+)"', one.text) for one in pages]
    seen = [name for names in shown for name in names]
    back = operator.get(links_of(pages[-1])["Previous page"])
    assert re.findall(r'href="/console/accounts/([^"/]+)"', back.text) == shown[-2]
    assert [name for name in seen if name in tenants] == tenants
    assert seen == sorted(set(seen))
    went = operator.get("/console", params={"account": tenants[1]})
    assert (went.status_code, went.headers["location"]) == (303, f"/console/accounts/{tenants[1]}")
    lost = operator.get("/console", params={"account": "<nobody>"})
    assert lost.status_code == 404
    assert "&lt;nobody&gt;" in lost.text
