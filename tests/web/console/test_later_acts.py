"""Approvals whose act comes later: the release of a hold, and the closure; and what is taken back by who asked."""

import re
from datetime import UTC, datetime

from tests.support.console import form_of, sign_in, sign_in_apart
from tests.support.tenant import Tenant
from tests.support.web_house import House
from tests.web.console.test_approval_pages import COUNTS, enter, recorded
from tests.web.console.test_mailed import until


def test_who_approves_a_release_reads_what_is_erased(house: House, tenant: Tenant):
    """One of two waits for the hold's end, and the other has no period: the same words as before the release."""
    ids = [recorded(tenant, one) for one in ("c1", "c2")]
    hold = {"name": "Acme", "reason": "a claim", "covers": {"recordings": ids}}
    path = "/holds/" + tenant.http.post(tenant.url("/holds"), json=hold).json()["id"]
    request = tenant.url(f"/requests/{enter(tenant, verified=True)}")
    verdict = {"code": "erased", "verdicts": {ids[1]: {"code": "kept_claims"}}, "reason": "the claim"}
    assert tenant.http.post(f"{request}/decision", json=verdict).status_code == 202
    until(lambda: tenant.http.get(request).json()["state"] not in {"review", "executing"})
    base = f"/console/accounts/{tenant.name}"
    asks, approves = [sign_in_apart(house) for _ in range(2)]
    shown = asks.post(f"{base}{path}/release/preview")
    form = form_of(shown, f"{base}{path}/release") | {"name": tenant.name}
    assert asks.post(f"{base}{path}/release", data=form).status_code == 303
    (asked,) = tenant.http.get(tenant.url("/approvals")).json()["items"]
    before, page = f"{base}/approvals/{asked['id']}", approves.get(f"{base}/approvals/{asked['id']}")
    counts = {
        ("1", "erased after the grace"),
        ("1", "of them asked for by a person"),
        ("2", "recordings that the hold covers"),
    }
    assert counts <= set(COUNTS.findall(page.text))
    for text in (shown.text, page.text):
        assert "erases 1 recording, for good" in text
        assert "1 more stays: this account has no retention policy" in text
        assert "<b>1</b> recording will be erased that nothing else keeps" in text
        free_at = re.search(r'binds for its grace: until <time datetime="([^"]+)', text)
        assert free_at is not None
        assert datetime.fromisoformat(free_at[1]) > datetime.now(UTC)
    assert "for good" not in sign_in(house, tenant.name, "audit:read").get(before).text
    assert approves.post(before, data=form_of(page, before) | {"name": tenant.name}).status_code == 303
    after = approves.get(before).text
    assert ("1", "erased after the grace") in COUNTS.findall(after)
    assert "The hold is released and still binds for its grace: until <time" in after
    assert "if it were approved now" not in after


def test_who_asked_takes_it_back(house: House, tenant: Tenant):
    """The button, the state and the list say so; a second person's veto is one."""
    for veto in (False, True):
        path = f"/console/accounts/{tenant.name}/closure"
        asks, other = [sign_in_apart(house) for _ in range(2)]
        rule = {"enabled": True, "verbs": ["account_closure"]}
        assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
        form = form_of(asks.get(path), path) | {"name": tenant.name, "reason": "moved"}
        page = asks.post(path, data=form).headers["location"].partition("?")[0]
        words = [
            re.findall(r">(Take back what you asked for|Veto)</button>", one.get(page).text)
            for one in (asks, other)
        ]
        assert words == [["Take back what you asked for"], ["Veto"]]
        done = (other if veto else asks).post(page, data={"nonce": "v", "decision": "veto"})
        assert done.headers["location"].endswith("done=vetoed" if veto else "done=taken_back")
        for text in (asks.get(page).text, asks.get(page.rpartition("/")[0]).text):
            assert ('<span class="badge bad">vetoed</span>' in text) is veto, text
            assert '<span class="badge quiet">taken back by who asked</span>' in text or veto


def test_an_approved_closure_says_when_it_begins(house: House, tenant: Tenant):
    """It is not carried out for days: what was approved stays as it was counted, and the way to stop it is there."""
    recorded(tenant, "c1")
    rule = {"enabled": True, "verbs": ["account_closure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    asked = tenant.http.post(tenant.url("/closure"), json={"reason": "moved", "export": False})
    base = f"/console/accounts/{tenant.name}"
    page, client = f"{base}/approvals/{asked.json()['id']}", sign_in_apart(house)
    form = form_of(client.get(page), page) | {"name": tenant.name}
    assert client.post(page, data=form).status_code == 303
    recorded(tenant, "c2")
    closure = tenant.http.get(tenant.url("/closure")).json()
    text = client.get(page).text
    assert ("1", "recording erased") in COUNTS.findall(text)
    assert "Counted when it was asked." in text
    assert (
        re.search(r"It is approved and begins on <time datetime=\"([^\"]+)", text)[1][:19]
        == closure["closes_at"][:19]
    )
    assert f'<a class="button" href="{base}/closure">' in text
    for shown in (text, client.get(f"{base}/approvals").text):
        assert '<span class="badge warn">approved, not begun</span>' in shown
        assert "carried out</span>" not in shown
    assert tenant.http.delete(tenant.url("/closure")).status_code == 200
    for shown in (client.get(page).text, client.get(f"{base}/approvals").text):
        assert '<span class="badge quiet">approved, then taken back</span>' in shown
        assert "begins on" not in shown
