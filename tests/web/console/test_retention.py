"""Set a retention policy and place and release a hold in the console, without scripts."""

import re

import pytest

from tests.support.console import OWN, form_of, sign_in
from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from vault.web.console.retention import policy as retention

MARKUP = "<script>alert(1)</script>"
POLICY = {
    "version": "0",
    "classes.0.class": "quality",
    "classes.0.purpose": f"Train {MARKUP}",
    "classes.0.period": "6 months",
    "classes.0.from": "call_end",
    "classes.0.at_end": "erase",
    "classes.1.class": "",
    "classes.1.purpose": "",
    "time_zone": "Europe/Paris",
    "waiting_days": "7",
    "told_reason": "",
    "object_lock": "off",
}


def base(tenant: Tenant) -> str:
    """Return the path of the account's pages."""
    return f"/console/accounts/{tenant.name}"


def test_a_policy_is_previewed_and_set_once(house: House, tenant: Tenant):
    """The digest of the preview goes with the form; the name must be typed; what was typed is text."""
    client = sign_in(house, tenant.name)
    path = f"{base(tenant)}/retention"
    assert "No policy was ever set" in client.get(path).text
    assert 'name="classes.0.class"' in client.get(f"{path}/change").text
    more = client.post(f"{path}/preview", data=POLICY | {"more": "1"})
    assert 'name="classes.2.class"' in more.text
    shown = client.post(f"{path}/preview", data=POLICY)
    assert shown.status_code == 200, shown.text
    assert "Train &lt;script&gt;" in shown.text
    form = form_of(shown, path)
    wrong = client.post(path, data=form | {"name": "other"})
    assert (wrong.status_code, "to confirm" in wrong.text) == (422, True)
    assert client.get(f"/console/accounts/{tenant.name}/retention").text.count("version 1") == 0
    for _ in range(2):
        answer = client.post(path, data=form | {"name": tenant.name})
        assert answer.headers["location"] == f"{path}?done=retention_set"
    policy = tenant.http.get(tenant.url("/retention-policy")).json()
    waiting = policy["waiting"]
    assert (waiting["version"], waiting["classes"][0]["period"]) == (1, "P6M")
    assert tenant.types().count("retention.changed") == 1
    page = client.get(path)
    assert "6 months" in page.text
    assert MARKUP not in page.text


def test_versions_come_in_pages(house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch):
    """REST has the oldest first, the console the newest; each version is on one page."""
    monkeypatch.setattr(retention, "_PAGE", 2)
    for zone in ("Europe/Paris", "Asia/Tokyo", "Europe/Rome"):
        body = {"classes": [], "time_zone": zone}
        assert tenant.http.put(tenant.url("/retention-policy"), json=body).status_code == 200
    history = tenant.url("/retention-policy/history")
    pages, cursor = [], "0"
    while cursor is not None:
        page = tenant.http.get(history, params={"cursor": cursor, "limit": 2}).json()
        pages.append([one["version"] for one in page["items"]])
        cursor = page["next_cursor"]
    assert pages == [[1, 2], [3]]
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/retention"
    shown = [client.get(path, params=params).text for params in ({}, {"cursor": "2"}, {"cursor": "x"})]
    versions = [re.findall(r'<th scope="row">(\d+)</th>', text) for text in shown]
    assert versions == [["3", "2"], ["1"], ["3", "2"]]
    assert [">More<" in text for text in shown] == [True, False, True]


def test_a_policy_without_its_preview_or_of_an_old_page_is_refused(house: House, tenant: Tenant):
    """The page previews again, and says what was wrong."""
    client = sign_in(house, tenant.name)
    path = f"{base(tenant)}/retention"
    form = form_of(client.post(f"{path}/preview", data=POLICY), path) | {"name": tenant.name}
    blind = client.post(path, data=form | {"digest": "x" * 64})
    assert (blind.status_code, "preview" in blind.text) == (409, True)
    assert client.post(path, data=form | {"version": "7"}).status_code == 409
    assert tenant.types().count("retention.changed") == 0
    assert client.post(path, data=form | {"policy": "{"}).status_code == 422


def test_a_wrong_field_is_named_and_what_was_typed_is_kept(house: House, tenant: Tenant):
    """An empty class between two is none, so the third one is class 1, here as on the page."""
    client = sign_in(house, tenant.name)
    more = {"classes.2.class": "Bad Name", "classes.2.purpose": "x", "classes.2.period": "a week"}
    answer = client.post(f"{base(tenant)}/retention/preview", data=POLICY | more)
    assert answer.status_code == 422
    assert 'id="wrong-classes.1.period"' in answer.text
    assert 'name="classes.1.class" type="text" value="Bad Name"' in answer.text


def test_a_conflict_asks_for_a_decision(house: House, tenant: Tenant):
    """The pairs come back as fields, and with a reason the preview is shown."""
    client = sign_in(house, tenant.name)
    law = {"classes.0.minimum": "P2Y", "classes.0.minimum_ground": "business", "classes.0.maximum": "P1Y"}
    path = f"{base(tenant)}/retention/preview"
    asked = client.post(path, data=POLICY | law)
    assert asked.status_code == 409
    assert 'name="decisions.0.applies"' in asked.text
    decided = {
        "decisions.0.minimum_of": "quality",
        "decisions.0.maximum_of": "quality",
        "decisions.0.applies": "maximum",
        "decisions.0.reason": "the shorter one",
    }
    shown = client.post(path, data=POLICY | law | decided)
    assert shown.status_code == 200
    assert "the maximum applies. Reason: the shorter one" in shown.text


def test_before_a_release_stands_what_follows(house: House, tenant: Tenant):
    """What nothing erases stays, and why: without a policy for good, with one until it says."""
    tenant.uploaded(AUDIO)
    held = {"name": "Acme", "reason": "a claim", "covers": {"all": True}}
    hold = tenant.http.post(tenant.url("/holds"), json=held).json()["id"]
    client, path = sign_in(house, tenant.name), f"{base(tenant)}/holds/{hold}/release/preview"
    page = client.post(path).text
    assert "erases 0 recordings, for good" in page
    assert "1 more stays: this account has no retention policy, so nothing erases it by time" in page
    policy = {"classes": [{"class": "quality", "purpose": "Train staff", "period": "P6M"}]}
    preview = house.admin.post(tenant.url("/retention-policy/preview"), json=policy).json()
    headers = {"Preview-Digest": preview["digest"]}
    set_it = house.admin.put(tenant.url("/retention-policy"), json=policy, headers=headers)
    assert set_it.status_code == 200, set_it.text
    assert "1 more stays until" in client.post(path).text


def test_a_hold_is_placed_previewed_and_released_by_two(house: House, tenant: Tenant):
    """Each form runs once; the same key cannot approve; the reason is text."""
    client = sign_in(house, tenant.name)
    path = f"{base(tenant)}/holds"
    wrong = client.post(
        path, data=form_of(client.get(f"{path}/new"), path) | {"title": "A", "reason": MARKUP}
    )
    assert wrong.status_code == 422
    assert "&lt;script&gt;" in wrong.text
    form = form_of(client.get(f"{path}/new"), path)
    form |= {
        "title": f"A {MARKUP}",
        "reason": "claim 7",
        "covers": "listed",
        "numbers": "+33 1 23 45 67 89\n",
    }
    placed = {client.post(path, data=form).headers["location"] for _ in range(2)}
    assert len(placed) == 1
    hold = placed.pop().partition("?")[0]
    page = client.get(hold)
    assert "+33 1 23 45 67 89" in page.text
    assert MARKUP not in page.text + client.get(path).text
    shown = client.post(f"{hold}/release/preview")
    form = form_of(shown, f"{hold}/release")
    assert client.post(f"{hold}/release", data=form | {"name": "x"}).status_code == 422
    said = form | {"name": tenant.name, "approval_reason": "the claim is settled"}
    assert "the claim is settled" in client.post(f"{hold}/release", data=said | {"name": "x"}).text
    asked = client.post(f"{hold}/release", data=said)
    assert asked.headers["location"].endswith("release_asked")
    assert "another person approves" in client.get(hold).text
    (approval,) = tenant.http.get(tenant.url("/approvals")).json()["items"]
    decision = f"{base(tenant)}/approvals/{approval['id']}"
    said = {"decision": "approve", "digest": approval["digest"]}
    own = client.post(decision, data=said | {"nonce": "1", "name": tenant.name})
    assert own.status_code == 409
    # A key that the first one's maker did not make.
    _, key = house.call(
        house.vault.accounts.api_keys.issue,
        name="second",
        scopes=["*"],
        account_id=tenant.id,
        actor="operator",
    )
    other = house.client(OWN)
    assert other.post("/console/sign-in", data={"key": key.text}).status_code == 303
    # It is decided where its effect is shown, and never by one click.
    for page in (path, hold):
        text = other.get(page).text
        assert f'href="{decision}"' in text
        assert 'value="approve"' not in text
    assert other.post(f"{path}/approvals/{approval['id']}", data={"nonce": "2"}).status_code == 404
    assert other.post(decision, data=said | {"nonce": "3"}).status_code == 422
    assert "binds" in client.get(hold).text
    assert "the claim is settled" in other.get(decision).text
    assert other.post(decision, data=said | {"nonce": "4", "name": tenant.name}).status_code == 303
    assert "released, still binds" in client.get(hold).text
    assert tenant.types().count("hold.placed") == 1
    assert tenant.types().count("hold.released") == 1


def test_a_wrong_number_of_a_hold_is_named_by_its_entry(house: House, tenant: Tenant):
    """Blank lines do not count, and the number stays in the field alone."""
    client = sign_in(house, tenant.name)
    path = f"{base(tenant)}/holds"
    form = form_of(client.get(f"{path}/new"), path)
    shown = client.post(
        path,
        data=form
        | {"title": "A", "reason": "claim 7", "covers": "listed", "numbers": "+33123456789\n\n12 ab"},
    )
    assert shown.status_code == 422
    assert 'id="wrong-numbers">Entry 2: ' in shown.text
    assert shown.text.count("12 ab") == 1
    assert re.search(r'<textarea id="field-numbers"[^>]* aria-invalid="true"', shown.text)


def test_an_unknown_recording_of_a_hold_is_named_by_its_entry(house: House, tenant: Tenant):
    """The form keeps what was typed; REST says 404, with the field."""
    other = Tenant.open(house.admin)
    known, foreign = tenant.uploaded(AUDIO), other.uploaded(AUDIO)
    client = sign_in(house, tenant.name)
    path = f"{base(tenant)}/holds"
    form = form_of(client.get(f"{path}/new"), path)
    typed = {"title": "A", "reason": "claim 7", "covers": "listed", "recordings": f"{known}\n{foreign}"}
    shown = client.post(path, data=form | typed)
    assert shown.status_code == 404
    assert 'id="wrong-recordings">Entry 2: ' in shown.text
    assert "claim 7" in shown.text
    covers = {"recordings": [known, foreign]}
    answer = tenant.http.post(tenant.url("/holds"), json={"name": "A", "reason": "B", "covers": covers})
    assert (answer.status_code, answer.json()["field"]) == (404, "covers.recordings.1")
    assert foreign not in answer.text


def test_another_accounts_holds_do_not_exist(house: House, tenant: Tenant):
    """Neither its page nor its forms."""
    other = Tenant.open(house.admin)
    body = {"name": "a", "reason": "b", "covers": {"all": True}}
    hold = other.http.post(other.url("/holds"), json=body).json()["id"]
    client = sign_in(house, tenant.name)
    path = f"{base(tenant)}/holds/{hold}"
    assert client.get(path).status_code == 404
    for more in ("/release/preview", "/release"):
        assert client.post(path + more, data={"nonce": more, "name": tenant.name}).status_code == 404
    assert hold not in client.get(f"{base(tenant)}/holds").text


def test_enter_in_a_field_previews(house: House, tenant: Tenant):
    """A browser presses the first button of the form (HTML, 4.10.21.2): it is the preview, and not one more class."""
    page = sign_in(house, tenant.name).get(f"{base(tenant)}/retention/change").text
    form = page[page.index(f'action="{base(tenant)}/retention/preview"') :]
    first, *_ = re.findall(r'<button type="submit"([^>]*)>([^<]*)<', form)
    assert first[1] == "Preview"
    assert "name=" not in first[0]
    # A reader without rights is given no such button.
    page = sign_in(house, tenant.name, "audit:read").get(f"{base(tenant)}/retention/change").text
    assert ">Preview<" not in page
