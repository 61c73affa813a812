"""Who can approve what waits: said before the button, at the rule and in the bell; and that nobody can."""

import re

import httpx

from tests.support.console import sign_in, sign_in_apart
from tests.support.tenant import Tenant
from tests.support.web_house import House


def approvers_on(page: httpx.Response) -> list[str]:
    """Return who can approve, by the page."""
    found = re.search(r"Who can approve it: (.*?)\. The bell", page.text, re.DOTALL)
    return [] if found is None else re.findall(r">([^<]+)</", found[1])


def test_before_the_button_stands_who_can_approve(house: House, tenant: Tenant):
    """By name; who made the one who would ask, and whom the same one made, are named with the cause instead."""
    rule = {"enabled": True, "verbs": ["account_closure"]}
    path = f"/console/accounts/{tenant.name}/closure"
    maker = "key_of_one"
    asks = sign_in_apart(house, made_by=maker, account_id=tenant.id)
    assert "who-approves" not in asks.get(path).text
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    nobody = asks.get(path).text
    assert "Nobody else has a role for that: privacy, admin" in nobody
    issue = house.vault.accounts.api_keys.issue
    for name, by in (("Sister", maker), ("Robin", "operator")):
        house.call(issue, name=name, scopes=["*"], account_id=tenant.id, actor=by)
        page = asks.get(path)
        assert approvers_on(page) == (["Robin"] if name == "Robin" else [])
        if name == "Sister":
            assert re.search(r"Sister</\w+> and .*?, who asks, were both let in by ", page.text)
    house.call(issue, name="Reader", scopes=["privacy:write"], account_id=tenant.id, actor="operator")
    assert approvers_on(asks.get(path)) == ["Robin"]


def add_key(house: House, tenant: Tenant, *scopes: str) -> None:
    """Let the operator issue a key of the account."""
    issue = house.vault.accounts.api_keys.issue
    house.call(issue, name="second", scopes=scopes or ("*",), account_id=tenant.id, actor="operator")


def nobody_approves(page: str) -> list[str]:
    """Return the acts of which the page says that nobody can approve them."""
    found = re.search(r"Nobody can approve: ([^.]+)\.", page)
    assert found is not None
    return found[1].split("; ")


def test_while_nobody_can_approve_the_console_says_so(house: House, tenant: Tenant):
    """At the rule before it is on and after, in the bell, and on Access; keys of one maker are no two people."""
    base, bell = f"/console/accounts/{tenant.name}", "Nobody can approve what the rule asks for"
    client, _ = sign_in(house, tenant.name), sign_in(house, tenant.name)
    page = client.get(f"{base}/approvals").text
    assert "If you switch the rule on, nobody can approve: " in page
    assert bell not in page
    assert "nobody can approve" not in client.get(f"{base}/access").text
    rule = {"enabled": True, "verbs": ["recording_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    for path in ("/approvals", "/access"):
        page = client.get(f"{base}{path}").text
        assert "Erasure of a recording" in nobody_approves(page)
        assert f'<a class="button" href="{base}/access/invitation">' in page
        assert f'<a href="{base}/access">{bell}</a>' in page
    assert bell not in sign_in(house, tenant.name, "audit:read").get(f"{base}/approvals").text
    add_key(house, tenant)
    for path in ("/approvals", "/access"):
        page = client.get(f"{base}{path}").text
        assert "Nobody can approve" not in page, path


def test_the_second_one_needs_both_scopes_to_approve(house: House, tenant: Tenant):
    """Two keys that may ask are no pair until one may approve as well; other acts have nobody even then."""
    rule = {"enabled": True, "verbs": ["recording_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    client = sign_in(house, tenant.name, "audit:read", "privacy:write")
    page = f"/console/accounts/{tenant.name}/approvals"
    for scopes in (("privacy:write",), ("approvals:write",)):
        add_key(house, tenant, *scopes)
        assert "Erasure of a recording" in nobody_approves(client.get(page).text), scopes
    add_key(house, tenant, "privacy:write", "approvals:write")
    acts = nobody_approves(client.get(page).text)
    assert "Invitation of a person" in acts
    assert "Erasure of a recording" not in acts
