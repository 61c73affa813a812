"""An operator who signs in at a provider, in the console."""

from dataclasses import replace

from tests.fakes.provider_lies import CLIENT, SECRET
from tests.support.provider_scene import Scene
from tests.support.tenant import Tenant
from vault.domain.sign_in.connection import OPERATORS, ProviderSettings, RoleMapping
from vault.services.sign_in.sign_in_connections import ConnectionChange


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
    scene.provider.claims = {"groups": ["staff"]}
    scene.provider.subject = "eve"
    try:
        nobody = scene.browser()
        scene.sign_in(nobody)
    finally:
        scene.provider.subject = "ada"
    assert other.name not in nobody.get("/console").text
    assert nobody.get(f"/console/accounts/{other.name}").status_code == 403
    change = replace(change, settings=replace(settings, roles=()))
    scene.house.call(
        scene.house.vault.sign_in.connections.set, OPERATORS, "operators", change, actor="operator"
    )
    assert operator.get(f"/console/accounts/{other.name}").status_code == 403
    # What an account's REST lists are its own people and connections.
    assert [one["name"] for one in other.http.get(other.url("/sign-in-connections")).json()["items"]] == []
    assert other.http.get(other.url("/members")).json()["items"] == []
