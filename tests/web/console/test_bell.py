"""The bell of every page: what needs somebody, by what the session may see; the overview lists the same."""

import re

import pytest

from tests.support.console import form_of, sign_in, sign_in_apart
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House

_COUNT = re.compile(r"<b(?: class=\"some\")?>(\d+\+?)</b></summary>")
_LIST = re.compile(r'<ul class="needs">(.*?)</ul>', re.DOTALL)


def rung(page: str) -> str:
    """Return the number at the bell."""
    found = _COUNT.search(page)
    assert found is not None
    return found[1]


@pytest.fixture
def base(house: House, tenant: Tenant) -> str:
    """An account in which an erasure waits for a second person, and a request of somebody is late."""
    recording = tenant.uploaded(AUDIO)
    issue = house.vault.accounts.api_keys.issue
    house.call(issue, name="second", scopes=["*"], account_id=tenant.id, actor="operator")
    rule = {"enabled": True, "verbs": ["recording_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    said = {
        "kind": "erasure", "received_at": "2026-01-02T09:00:00Z", "reference": "Letter 12", "regime": "gdpr",
        "identities": [{"type": "number", "value": "+12025550177"}],
    }  # fmt: skip
    assert tenant.http.post(tenant.url("/requests"), json=said).status_code == 201
    assert tenant.http.delete(tenant.url(f"/recordings/{recording}")).status_code == 202
    return f"/console/accounts/{tenant.name}"


def test_every_page_tells_what_needs_somebody(house: House, tenant: Tenant, base: str):
    """With the way there, on pages of things and of errors; nothing to decide for who asked, or may not."""
    client = sign_in_apart(house, account_id=tenant.id)
    pages = [client.get(f"{base}{path}").text for path in ("", "/recordings", "/log", "/holds/hold_none")]
    assert [rung(page) for page in pages] == ["2"] * 4
    lists = {one for page in pages for one in _LIST.findall(page)}
    assert len(lists) == 1
    shown = lists.pop()
    assert f'<a href="{base}/approvals">1 act waits for a second person</a>: the first until <time' in shown
    assert f'<a href="{base}/requests">1 request of people</a>: overdue' in shown
    assert pages[0].count('<ul class="needs">') == 2
    for scopes, count in (
        (("recordings:read",), "0"),
        (("recordings:read", "audit:read"), "1"),
        (("recordings:read", "audit:read", "approvals:write"), "1"),
        (("recordings:read", "audit:read", "approvals:write", "privacy:write"), "2"),
    ):
        page = sign_in_apart(house, *scopes, account_id=tenant.id).get(f"{base}/recordings").text
        assert rung(page) == count, scopes
    assert "Nothing right now" in sign_in(house, tenant.name, "recordings:read").get(base).text


def test_what_one_asked_for_rings_for_others(house: House, tenant: Tenant, base: str):
    """Who asked cannot approve."""
    recording = tenant.uploaded(AUDIO, call="c2", ref="r2")
    first, second = [sign_in_apart(house, account_id=tenant.id) for _ in range(2)]
    path = f"{base}/recordings/{recording}/erasure"
    form = form_of(first.get(f"{base}/recordings/{recording}"), path)
    assert first.post(path, data=form | {"name": "c2", "ground": ""}).status_code == 303
    assert rung(first.get(f"{base}/log").text) == "2"
    assert rung(second.get(f"{base}/log").text) == "3"
    assert "1 act waits for somebody else to approve it" in first.get(f"{base}/log").text


def test_who_cannot_approve_is_told_and_not_rung(house: House, tenant: Tenant, base: str):
    """Whom the same one let in as who asked has nothing to decide: it stands in the list, and is not counted."""
    page = sign_in(house, tenant.name).get(f"{base}/recordings").text
    assert rung(page) == "1"
    assert f'<a href="{base}/approvals">1 act waits for somebody else to approve it</a>' in page
    assert "waits for a second person" not in page


def test_an_unchanged_list_is_not_sent_again(house: House, tenant: Tenant, base: str):
    """The script's own request: 304 until something needs somebody."""
    client = sign_in(house, tenant.name)
    tag = client.get(f"{base}/numbers").headers["etag"]
    assert client.get(f"{base}/numbers", headers={"If-None-Match": tag}).status_code == 304
    waiting = tenant.http.get(tenant.url("/approvals"), params={"state": "pending"}).json()["items"][0]["id"]
    veto = tenant.http.post(tenant.url(f"/approvals/{waiting}"), json={"decision": "veto"})
    assert veto.status_code == 200, veto.text
    assert client.get(f"{base}/numbers", headers={"If-None-Match": tag}).status_code == 200
