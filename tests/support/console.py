"""Somebody at the console: as a browser without scripts, and in Chromium with the checker of accessibility."""

import html
import re
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Page

from tests.servers.required import go_without
from tests.support.tenant import Tenant, tone
from tests.support.web_house import House

NONCE = re.compile(r'name="nonce" value="([^"]+)"')
#: What a browser sends with a form of the page's own site.
OWN = {"Sec-Fetch-Site": "same-origin"}
_AXE = Path(__file__).parents[2] / ".venv-clients" / "axe.min.js"
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: Markup in every text that a caller can send.
MARKUP: Final = "<script>alert(1)</script><b hx-on:click=alert(2)>"


def sign_in(house: House, account: str | None, *scopes: str) -> httpx.Client:
    """Return a client with a session of a new key."""
    client = house.client(OWN)
    answer = client.post("/console/sign-in", data={"key": key_text(house, account, *scopes)})
    assert answer.status_code == 303, answer.text
    return client


def sign_in_apart(
    house: House,
    *scopes: str,
    made_by: str = "operator",
    account_id: str | None = None,
    name: str = "k",
) -> httpx.Client:
    """Return a client with a session of a key that the operator made, or ``made_by``: not the hand of other keys."""
    issue = house.vault.accounts.api_keys.issue
    _, text = house.call(issue, name=name, scopes=scopes or ("*",), account_id=account_id, actor=made_by)
    client = house.client(OWN)
    assert client.post("/console/sign-in", data={"key": text.text}).status_code == 303
    return client


def key_text(house: House, account: str | None, *scopes: str) -> str:
    """Return the text of a new key."""
    return house.key_for(account, *(scopes or ("*",)))["Authorization"].removeprefix("Bearer ")


def nonce_of(page: httpx.Response) -> str:
    """Return the hidden field of a page's form."""
    found = NONCE.search(page.text)
    assert found is not None, page.text
    return found[1]


def form_of(page: httpx.Response, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that is sent to ``action``."""
    found = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert found is not None, page.text
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', found[0])
    return {name: html.unescape(value) for name, value in hidden}


def violations(page: Page) -> list[str]:
    """Return what the checker finds on a page, as the rule and the element."""
    if not _AXE.exists():
        go_without("needs axe-core: make client-tools")
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE.read_text())
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", _RULES
    )
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def furnished(house: House) -> tuple[Tenant, dict[str, str]]:
    """Return an account with recordings in several states, and their ids; one has markup in every text."""
    tenant = Tenant.open(house.admin, policy={"home_place": "US-CA"})
    ids = {}
    calls = {
        "kept-1": ("+14155550142", "+14155550143", "Marta Lindqvist"),
        "kept-2": ("+33123456780", "+14155550143", "Robin Achterberg"),
        "odd": ("+12025550100", "+14155550143", MARKUP),
        "waits-1": ("+12025550111", "+14155550143", "Marta Lindqvist"),
        "waits-2": ("+12025550112", "+14155550143", "Robin Achterberg"),
        "waits-3": ("+12025550113", "+14155550143", "Robin Achterberg"),
    }
    for number, (name, (caller, callee, agent)) in enumerate(calls.items()):
        facts = {"direction": "inbound", "from": caller, "to": callee, "agent": agent}
        facts["started_at"] = f"2026-01-{number + 10}T09:30:00Z"
        assert house.admin.put(tenant.url(f"/calls/{name}"), json=facts).status_code == 200
    for name in calls:
        ids[name] = tenant.put(tone(1.0), call=name, ref=name).json()["id"]
        tenant.wait(ids[name], "quarantined")
    for name in ("kept-1", "kept-2", "odd"):
        path = tenant.url(f"/recordings/{ids[name]}/release")
        house.admin.patch(tenant.url("/consent-policy"), json={"missing_evidence": "accept", "reason": "r"})
        said = house.admin.post(path, json={"reason": MARKUP})
        assert said.status_code == 200, said.text
        tenant.wait(ids[name])
    tenant.link(ids["odd"], listener=MARKUP)
    tenant.link(ids["kept-1"], listener="Kim Doe", purpose="dispute")
    restricted = house.admin.put(
        tenant.url(f"/recordings/{ids['kept-2']}/restriction"), json={"reason": MARKUP}
    )
    assert restricted.status_code == 200
    return tenant, ids
