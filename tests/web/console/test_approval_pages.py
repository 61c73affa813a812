"""What a second person sees: what an act would do now, what forbids it, and why. Looking at it writes nothing."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support.console import form_of, sign_in, sign_in_apart
from tests.support.tenant import Tenant, moment
from tests.support.web_house import AUDIO, House
from tests.web.console.test_who_approves import approvers_on
from vault.errors import ApprovalNeeded

NUMBER = "+12025550177"
COUNTS = re.compile(r"<li[^>]*><b>(\d+)</b>([^<]+)</li>")


def enter(tenant: Tenant, *, verified: bool, reference: str = "Letter 12") -> str:
    """Enter the request of a person for an erasure; return its id."""
    said = {
        "kind": "erasure", "received_at": "2026-01-02T09:00:00Z", "reference": reference, "regime": "gdpr",
        "identities": [{"type": "number", "value": NUMBER}],
    } | ({"verification": {"method": "callback", "at": "2026-01-02T09:00:00Z"}} if verified else {})  # fmt: skip
    made = tenant.http.post(tenant.url("/requests"), json=said)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def recorded(tenant: Tenant, call: str) -> str:
    """Upload a call of the person."""
    facts = {
        "direction": "inbound",
        "from": NUMBER,
        "to": "+12025550100",
        "started_at": moment(datetime.now(UTC)),
    }
    assert tenant.http.put(tenant.url(f"/calls/{call}"), json=facts).status_code == 200
    return tenant.uploaded(AUDIO, call=call, ref=call)


def ask_to_decide(tenant: Tenant, verb: str = "request_erasure") -> httpx.Response:
    """Set a rule, and decide on a request under it."""
    rule = {"enabled": True, "verbs": [verb]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    request = enter(tenant, verified=True)
    asked = tenant.http.post(tenant.url(f"/requests/{request}/decision"), json={"code": "erased"})
    assert asked.status_code == 202, asked.text
    return asked


def test_the_effect_is_that_of_now(house: House, tenant: Tenant):
    """A hold that was placed since it was asked keeps one of two: the page says both, and changes nothing."""
    ids = [recorded(tenant, one) for one in ("c1", "c2")]
    asked = ask_to_decide(tenant).json()["id"]
    client, page = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/approvals/{asked}"
    before = client.get(page).text
    assert ("2", "recordings erased") in COUNTS.findall(before)
    assert "It has changed since it was asked" not in before
    hold = {"name": "Acme", "reason": "a claim", "covers": {"recordings": ids[:1]}}
    assert tenant.http.post(tenant.url("/holds"), json=hold).status_code == 201
    events = tenant.types()
    after = client.get(page).text
    assert {("1", "recording erased"), ("1", "recording kept by a hold")} <= set(COUNTS.findall(after))
    assert "It has changed since it was asked. Then it was: 2 recordings erased" in after
    assert tenant.types() == events
    assert {tenant.get(one)["state"] for one in ids} == {"available"}
    waits = tenant.http.get(tenant.url(f"/approvals/{asked}")).json()
    assert (waits["state"], waits["effect"].get("held")) == ("pending", None)


def test_who_may_be_the_same_person_is_not_asked(house: House, tenant: Tenant):
    """Who was let in by the one who asks is told so, with who can, and has no button; somebody else has it."""
    recorded(tenant, "call-1")
    approval = ask_to_decide(tenant).headers["location"].rpartition("/")[2]
    asked = tenant.http.get(tenant.url(f"/approvals/{approval}")).json()
    page = f"/console/accounts/{tenant.name}/approvals/{approval}"
    let_in = sign_in_apart(house, made_by=asked["asked_by"]).get(page).text
    assert ("who asked for it, let you in" in let_in, "Approve this?" in let_in) == (True, False)
    assert "Nobody of this account can approve it now" in let_in
    assert f"callvault approvals break-glass {approval}" in let_in
    other = sign_in_apart(house, account_id=tenant.id, name="Robin").get(page).text
    assert ("You cannot approve it" in other, "Approve this?" in other) == (False, True)
    assert approvers_on(sign_in_apart(house, made_by=asked["asked_by"]).get(page)) == ["Robin"]


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("retention_policy", {"policy": {"a_field_of_another_release": 1}}),
        ("retention_policy", {}),
        ("approval_rule", {"enabled": True}),
        ("member_invitation", {"member": {"name": 7}}),
        ("request_erasure", {"request": "req_1", "decision": {"code": "a_code_of_another_release"}}),
        ("account_closure", {}),
        ("call_erasure", {}),
    ],
)
def test_arguments_of_another_release_are_told(
    house: House, tenant: Tenant, verb: str, arguments: dict[str, Any]
):
    """The page says so and offers only the veto; who approves by REST ends it, and nothing fails."""
    ask, needed = house.vault.approvals.approvals.ask, ApprovalNeeded(verb, {}, "")
    asked = house.call(
        ask, tenant.id, needed, subject="", arguments=arguments, reason=None, actor="key_of_somebody"
    )
    page = sign_in_apart(house).get(f"/console/accounts/{tenant.name}/approvals/{asked.id}")
    assert page.status_code == 200
    assert "This release does not take what was asked for with an earlier one" in page.text
    assert ("Approve this?" in page.text, "Veto" in page.text) == (False, True)
    said = {"decision": "approve", "digest": asked.digest}
    ended = tenant.http.post(tenant.url(f"/approvals/{asked.id}"), json=said)
    assert ended.status_code == 200, ended.text
    assert (ended.json()["state"], ended.json()["outcome"]) == ("expired", "invalid"), ended.text


def test_what_forbids_it_now_is_said(house: House, tenant: Tenant):
    """An erasure of one recording that is held since: not after the approval, but on its page."""
    recording = recorded(tenant, "c1")
    rule = {"enabled": True, "verbs": ["recording_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    client, base = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}"
    path = f"{base}/recordings/{recording}/erasure"
    form = form_of(client.get(f"{base}/recordings/{recording}"), path)
    said = form | {"name": "c1", "ground": "", "approval_reason": "the customer asked by phone"}
    asked = client.post(path, data=said).headers["location"].partition("?")[0]
    page = sign_in(house, tenant.name).get(asked).text
    assert "the customer asked by phone" in page
    assert "It cannot be carried out now" not in page
    hold = {"name": "Acme", "reason": "a claim", "covers": {"recordings": [recording]}}
    assert tenant.http.post(tenant.url("/holds"), json=hold).status_code == 201
    page = client.get(asked).text
    assert "It cannot be carried out now" in page
    assert "A hold covers it" in page
    assert tenant.get(recording)["state"] == "available"


@pytest.mark.parametrize("verb", ["call_erasure", "account_closure"])
def test_every_act_that_counts_is_counted_now(house: House, tenant: Tenant, verb: str):
    """Of a call, and of the account: nothing is erased, and no closure begins, because somebody looks."""
    recording = recorded(tenant, "c1")
    rule = {"enabled": True, "verbs": [verb]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    asked = (
        tenant.http.delete(tenant.url("/calls/c1"))
        if verb == "call_erasure"
        else tenant.http.post(tenant.url("/closure"), json={"reason": "moved", "export": True})
    )
    assert asked.status_code == 202, asked.text
    page = (
        sign_in(house, tenant.name)
        .get(f"/console/accounts/{tenant.name}/approvals/{asked.json()['id']}")
        .text
    )
    assert "Counted now" in page
    assert ("1", "recording erased") in COUNTS.findall(page)
    assert tenant.get(recording)["state"] == "available"
    assert tenant.http.get(tenant.url("/closure")).status_code == 404


def test_the_check_of_a_decision_does_what_the_decision_would(house: House, tenant: Tenant):
    """An identity that nobody verified is told by the check, with the form as it was; afterwards the check passes."""
    recorded(tenant, "c1")
    request = enter(tenant, verified=False)
    client, page = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/requests/{request}"
    shown = client.get(page).text
    assert shown.index("You verified them by") < shown.index("Check the decision")
    said = {"code": "erased", "reason": "as you asked"}
    refused = client.post(f"{page}/decision/check", data=said)
    assert refused.status_code == 409
    assert "Record first how the person was verified" in refused.text
    assert "as you asked" in refused.text
    verified = client.post(
        f"{page}/verification", data={"nonce": "v", "method": "callback", "at": "2026-01-03T10:00"}
    )
    assert verified.status_code == 303, verified.text
    checked = client.post(f"{page}/decision/check", data=said)
    assert checked.status_code == 200
    assert "carried out within seconds" in checked.text
    assert tenant.http.get(tenant.url(f"/requests/{request}")).json()["state"] == "review"
    rule = {"enabled": True, "verbs": ["request_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    assert (
        "First another person approves the decision" in client.post(f"{page}/decision/check", data=said).text
    )


def test_who_approves_reads_who_is_invited(house: House, tenant: Tenant):
    """With roles and agents; then the one who asked sees the address, once, and the other does not."""
    rule = {"enabled": True, "verbs": ["call_erasure"]}
    assert tenant.http.put(tenant.url("/approval-rule"), json=rule).status_code == 200
    asks, approves = [sign_in_apart(house) for _ in range(2)]
    base = f"/console/accounts/{tenant.name}"
    form = form_of(asks.get(f"{base}/access/invitation"), f"{base}/access/members")
    said = form | {
        "title": "Ada Byron",
        "roles": "listener",
        "agents": "Kim",
        "approval_reason": "joins the team",
    }
    sent = asks.post(f"{base}/access/members", data=said)
    assert sent.status_code == 303, sent.text
    path = sent.headers["location"].partition("?")[0]
    page = approves.get(path)
    told = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page.text))
    assert {name: told[name] for name in ("Reason", "Name", "Roles", "Only recordings of these agents")} == {
        "Reason": "joins the team",
        "Name": "Ada Byron",
        "Roles": "listener",
        "Only recordings of these agents": "Kim",
    }
    assert ("1", "role given") in COUNTS.findall(page.text)
    done = approves.post(path, data=form_of(page, path) | {"name": tenant.name})
    assert (done.status_code, "done=approved" in done.headers["location"]) == (303, True), done.text
    (member,) = tenant.http.get(tenant.url("/members")).json()["items"]
    page_of = f"{base}/access/members/{member['id']}"
    assert "Show the address" not in approves.get(page_of).text
    assert "sees it once" in approves.get(page_of).text
    shown = asks.post(f"{page_of}/invitations", data=form_of(asks.get(page_of), f"{page_of}/invitations"))
    assert re.search(r"/console/invitation/[\w-]{43}", shown.text)
    assert "Show the address" not in asks.get(page_of).text


def test_the_board_marks_what_waits_for_a_second_person(house: House, tenant: Tenant):
    """One of two requests that are to be decided, until the question is vetoed."""
    asked = ask_to_decide(tenant).json()["id"]
    assert enter(tenant, verified=True, reference="Letter 13")
    client, board = sign_in(house, tenant.name), f"/console/accounts/{tenant.name}/requests"
    subject = tenant.http.get(tenant.url(f"/approvals/{asked}")).json()["subject"]
    card = re.compile(r'<li[^>]*><a href="[^"]+/requests/req_\w+">.*?</li>', re.DOTALL)
    cards = card.findall(client.get(board).text)
    marked = [one for one in cards if "waits for a second person" in one]
    assert (len(cards), len(marked)) == (2, 1)
    assert f'/requests/{subject}"' in marked[0]
    veto = tenant.http.post(tenant.url(f"/approvals/{asked}"), json={"decision": "veto"})
    assert veto.status_code == 200, veto.text
    assert not any("waits for a second person" in one for one in card.findall(client.get(board).text))
