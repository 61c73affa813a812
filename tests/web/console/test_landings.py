"""Where a session begins, by its role, and what every page says of acts that wait and accounts that close."""

import re

import httpx
import pytest

from tests.support.console import form_of, sign_in, sign_in_apart
from tests.support.provider_scene import Scene
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

LANDINGS = [
    ("auditor", "/log"),
    ("listener", ""),
    ("supervisor", ""),
    ("privacy", ""),
    ("admin", ""),
]


@pytest.mark.parametrize(("role", "path"), LANDINGS)
def test_a_session_begins_with_a_page_of_its_role(scene: Scene, role: str, path: str):
    """A sign-in leads there; and where a page is refused, its button leads there too."""
    scene.put(roles=[{"value": "staff", "role": role}])
    browser = scene.browser()
    assert scene.sign_in(browser).headers["location"] == "/console"
    went = browser.get("/console")
    assert (went.status_code, went.headers["location"]) == (303, scene.home + path)
    assert browser.get(scene.home + path).status_code == 200
    refused = browser.get(f"{scene.home}/nowhere")
    assert refused.status_code == 404
    if role == "auditor":
        refused = browser.get(scene.home)
        assert refused.status_code == 403
        page = browser.get(f"{scene.home}{path}/checkpoint").text
        assert "For auditors" in page
        export = re.search(r'href="([^"]+/people/export.csv)"', page)
        assert export is not None
        assert browser.get(export[1]).status_code == 200
    buttons = re.findall(r'<a class="button" href="([^"]+)"', refused.text)
    assert all(browser.get(one, follow_redirects=True).status_code == 200 for one in buttons), buttons


def test_who_has_no_role_is_told_whom_to_ask(scene: Scene):
    """With a way out; a refused page leads there."""
    scene.put(roles=[{"value": "others", "role": "admin"}])
    browser = scene.browser()
    scene.sign_in(browser)
    page = browser.get("/console")
    assert page.status_code == 403
    assert "nobody gave you a role" in page.text
    assert scene.tenant.name in page.text
    assert 'action="/console/sign-out"' in page.text
    refused = browser.get(scene.home)
    assert refused.status_code == 403
    assert '<a class="button" href="/console">' in refused.text


def test_what_waits_is_shown_to_who_may_decide(house: House, tenant: Tenant):
    """On the overview of others than who asked, and on the request; not to who may not decide."""
    base = f"/console/accounts/{tenant.name}"
    recording = tenant.uploaded(AUDIO)
    rule = {"enabled": True, "verbs": ["recording_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    first, second = [sign_in_apart(house, account_id=tenant.id) for _ in range(2)]
    reader = sign_in(house, tenant.name, "recordings:read", "audit:read", "approvals:write")
    assert "for a second person" not in second.get(base).text
    path = f"{base}/recordings/{recording}/erasure"
    form = form_of(first.get(f"{base}/recordings/{recording}"), path)
    asked = first.post(path, data=form | {"name": "call-1", "ground": ""})
    assert "/approvals/appr_" in asked.headers["location"]
    assert "1 act waits for a second person" in second.get(base).text
    for other in (first, reader):
        assert "for a second person" not in other.get(base).text
    page = second.get(asked.headers["location"]).text
    assert "recording erased" in page
    assert f'href="{base}/recordings/{recording}"' in page


def test_a_request_says_that_its_decision_waits(house: House, tenant: Tenant):
    """Until when, with the way to the approval, which names the reference and who asked."""
    said = {
        "kind": "erasure", "received_at": "2026-01-02T09:00:00Z", "reference": "Letter 12", "regime": "gdpr",
        "identities": [{"type": "number", "value": "+12025550177"}],
        "verification": {"method": "callback", "at": "2026-01-02T09:00:00Z"},
    }  # fmt: skip
    made = tenant.http.post(tenant.url("/requests"), json=said)
    assert made.status_code == 201, made.text
    request = made.json()["id"]
    rule = {"enabled": True, "verbs": ["request_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    client = sign_in(house, tenant.name)
    path = f"/console/accounts/{tenant.name}/requests/{request}"
    assert "waits for a second person" not in client.get(path).text
    asked = tenant.http.post(tenant.url(f"/requests/{request}/decision"), json={"code": "erased"})
    assert asked.status_code == 202, asked.text
    assert "waits for a second person until" in client.get(path).text
    page = client.get(f"/console/accounts/{tenant.name}/approvals/{asked.json()['id']}").text
    assert "Letter 12" in page
    shown = tenant.http.get(asked.json()["address"]).json()
    assert (shown["reference"], bool(shown["asked_by_name"])) == ("Letter 12", True)
    assert f">{shown['asked_by_name']}</bdi>" in page


def test_every_page_of_a_closing_account_says_so(house: House, tenant: Tenant):
    """Also to who may not see the closure; the switch can still be set while it can be taken back."""
    client = sign_in(house, tenant.name)
    reader = sign_in(house, tenant.name, "recordings:read")
    base = f"/console/accounts/{tenant.name}"
    assert "This account" not in reader.get(base).text
    assert tenant.http.post(tenant.url("/closure"), json={"reason": "over"}).status_code == 202
    for path in ("", "/recordings", "/quarantine"):
        assert "This account is closed on" in reader.get(base + path).text, path
    page = client.get(base).text
    assert f'<a href="{base}/closure">' in page
    # It is no request of a person.
    assert "request of people" not in page
    assert "Switch recording off" in page
    assert tenant.http.delete(tenant.url("/closure")).status_code == 200
    assert "This account" not in client.get(base).text


def test_a_rule_that_stays_off_is_asked_about(house: House, tenant: Tenant):
    """Acts without the rule: said, with what was ticked; saved off only where that is meant, and said again."""
    client, path = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    form = form_of(client.get(f"{path}/approvals"), f"{path}/approval-rule")
    sent = form | {"verbs": ["own_key"], "name": tenant.name}
    asked = client.post(f"{path}/approval-rule", data=sent)
    assert asked.status_code == 422
    assert "The rule is off, so none of these acts" in asked.text
    assert re.search(r'name="verbs" value="own_key" checked', asked.text)
    assert 'name="enabled" value="on" checked' not in asked.text
    assert tenant.http.get(tenant.url("/approval-rule")).json()["version"] == 0
    saved = client.post(f"{path}/approval-rule", data=sent | {"nonce": "again", "stays_off": "on"})
    assert saved.headers["location"].endswith("done=rule_off")
    assert "it is off: no act needs" in client.get(saved.headers["location"]).text
    on = client.post(f"{path}/approval-rule", data=sent | {"nonce": "on", "enabled": "on"})
    assert on.headers["location"].endswith("done=rule_set")


def test_the_preview_says_the_waiting_time_that_applies(tenant: Tenant):
    """The policy in force waits for seven days, so a shorter wait begins after these."""
    body = {
        "classes": [{"class": "all", "purpose": "Quality", "period": "P1D"}], "waiting_days": 1,
    }  # fmt: skip
    shown = tenant.http.post(tenant.url("/retention-policy/preview"), json=body)
    assert shown.status_code == 200, shown.text
    assert shown.json()["waiting_days"] == 7


@pytest.mark.parametrize("accept", ["text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "application/json"])
def test_the_bare_address_leads_a_browser_to_the_console(house: House, accept: str):
    """A program is told where the contract is."""
    answer = httpx.get(f"{house.url}/", headers={"accept": accept})
    if "html" in accept:
        assert (answer.status_code, answer.headers["location"]) == (303, "/console")
        assert answer.headers["vary"] == "Accept"
        assert httpx.get(f"{house.url}/console", follow_redirects=True).status_code == 200
    else:
        assert answer.status_code == 404
        assert all(place in answer.json()["detail"] for place in ("/reference", "/console"))
