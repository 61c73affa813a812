"""Approvals over HTTP: every act that a rule can name waits for a second person, and is then done as it was sent."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.tenant import Tenant
from tests.support.web_house import AUDIO, House
from tests.web import member_acts

NUMBER = "+12025550177"
POLICY = {"classes": [{"class": "all", "purpose": "Qualität", "period": "P1D"}]}


@pytest.fixture
def second(house: House) -> httpx.Client:
    """A second person, with a key that the operator made."""
    _, text = house.call(
        house.vault.accounts.api_keys.issue, name="second", scopes=["*"], account_id=None, actor="operator"
    )
    return house.client({"Authorization": f"Bearer {text.text}"})


def rule(tenant: Tenant, *verbs: str) -> None:
    """Switch the rule on."""
    answer = tenant.http.put(tenant.url("/approval-rule"), json={"enabled": True, "verbs": list(verbs)})
    assert answer.status_code == 200, answer.text


def asked(answer: httpx.Response) -> dict[str, Any]:
    """Return the approval that a response names."""
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    assert (found["id"][:5], found["state"]) == ("appr_", "pending")
    assert answer.headers["location"] == found["address"]
    return found


def decide(client: httpx.Client, approval: dict[str, Any], decision: str = "approve") -> httpx.Response:
    """Decide on what was read."""
    said = {"decision": decision, "digest": approval["digest"]}
    return client.post(approval["address"], json=said)


def erase_recording(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return the erasure of a recording, and whether it is done."""
    recording = tenant.uploaded(AUDIO)
    path = tenant.url(f"/recordings/{recording}")
    return lambda: tenant.http.delete(path), lambda: tenant.http.get(path).json()["state"] != "available"


def erase_call(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return the erasure of a call without recordings, and whether it is done."""
    path = tenant.url("/calls/call-9")
    facts = {
        "direction": "inbound",
        "from": NUMBER,
        "to": "+12025550100",
        "started_at": "2026-01-31T09:28:00Z",
    }
    assert tenant.http.put(path, json=facts).status_code == 200
    return lambda: tenant.http.delete(path), lambda: tenant.http.get(path).status_code == 404


def decide_request(kind: str, code: str) -> Any:
    """Return a maker of a decision on a request of this kind."""

    def make(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
        entered = {
            "kind": kind,
            "regime": "none",
            "received_at": "2026-01-01T00:00:00Z",
            "reference": "r-1",
            "identities": [{"type": "number", "value": NUMBER}],
            "verification": {"method": "callback", "at": "2026-01-02T00:00:00Z"},
        }
        answer = tenant.http.post(tenant.url("/requests"), json=entered)
        assert answer.status_code == 201, answer.text
        path = tenant.url(f"/requests/{answer.json()['id']}")
        body = {"code": code, "whole_time": True}
        return (
            lambda: tenant.http.post(f"{path}/decision", json=body),
            lambda: tenant.http.get(path).json()["state"] != "review",
        )

    return make


def shorten(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return a change of the retention policy that shortens, and whether it is done."""
    path = tenant.url("/retention-policy")
    digest = tenant.http.post(f"{path}/preview", json=POLICY).json()["digest"]
    return (
        lambda: tenant.http.put(path, json=POLICY, headers={"Preview-Digest": digest}),
        lambda: len(tenant.http.get(f"{path}/history").json()["items"]) == 1,
    )


def close(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return the closure of the account, and whether it waits to be closed."""
    path = tenant.url("/closure")
    return (
        lambda: tenant.http.post(path, json={"reason": "Vertrag beendet"}),
        lambda: tenant.http.get(path).status_code == 200,
    )


def connect(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return a sign-in connection that gives a role, and whether it is there with its secret."""
    path = tenant.url("/sign-in-connections/main")
    roles = [{"value": "staff", "role": "listener"}]
    body = {"issuer": "https://idp.example", "client_id": "c", "client_secret": "hush hush", "roles": roles}

    def done() -> bool:
        answer = tenant.http.get(path)
        return answer.status_code == 200 and answer.json()["has_secret"]

    return lambda: tenant.http.put(path, json=body), done


def loosen(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return the end of the rule, and whether it has ended."""
    path = tenant.url("/approval-rule")
    return (
        lambda: tenant.http.put(path, json={"enabled": False, "verbs": []}),
        lambda: tenant.http.get(path).json()["enabled"] is False,
    )


ACTS: dict[str, Callable[[Tenant], tuple[Callable[[], httpx.Response], Callable[[], bool]]]] = {
    "recording_erasure": erase_recording,
    "call_erasure": erase_call,
    "request_erasure": decide_request("erasure", "erased"),
    "request_export": decide_request("access", "provided_whole"),
    "retention_policy": shorten,
    "account_closure": close,
    "sign_in_connection": connect,
    "member_invitation": member_acts.invite,
    "member_roles": member_acts.give_role,
    "member_recovery": member_acts.recover,
    "approval_rule": loosen,
}


@pytest.mark.parametrize("verb", ACTS)
def test_an_act_waits_for_a_second_person(tenant: Tenant, second: httpx.Client, verb: str):
    """202 with the approval and nothing done; the same request again is the same approval; then it is done, once."""
    act, done = ACTS[verb](tenant)
    rule(tenant, "own_key" if verb == "approval_rule" else verb)
    approval = asked(act())
    assert approval["kind"] == verb
    assert asked(act())["id"] == approval["id"]
    assert not done()
    shown = second.get(approval["address"]).json()
    assert (shown["digest"], shown["state"]) == (approval["digest"], "pending")
    own = decide(tenant.http, approval)
    assert (own.status_code, own.json()["reasons"]) == (409, ["same_key"])
    approved = decide(second, approval)
    assert (approved.status_code, approved.json()["state"]) == (200, "executed"), approved.text
    assert done()
    again = decide(second, approval)
    assert (again.status_code, again.json()["state"]) == (200, "executed")
    assert tenant.types().count("approval.executed") == 1


def test_only_what_opens_a_sign_in_waits(tenant: Tenant, second: httpx.Client):
    """A role that is taken, other scopes and a deletion are done; another value, client or issuer waits."""
    path, roles = tenant.url("/sign-in-connections/main"), [{"value": "staff", "role": "auditor"}]
    body: dict[str, Any] = {"issuer": "https://idp.example", "client_id": "c", "client_secret": "hush hush"}
    assert tenant.http.put(path, json=body | {"roles": roles}).status_code == 200
    rule(tenant, "sign_in_connection")
    again = asked(tenant.http.put(path, json=body | {"roles": [*roles, {"value": "all", "role": "auditor"}]}))
    shown = second.get(again["address"])
    assert (shown.json()["effect"], "hush" in shown.text) == (
        {"from_revision": 1, "granted": 1, "revoked": 0},
        False,
    )
    # The mapping that waits was asked for on another state: what it does is counted again, and asked again.
    assert (
        tenant.http.put(path, json=body | {"roles": roles, "scopes": ["openid", "email"]}).status_code == 200
    )
    asked_again = decide(second, again).json()
    assert (asked_again["state"], asked_again["outcome"]) == ("pending", "effect_changed")
    for other in ({"client_id": "d"}, {"issuer": "https://other.example"}):
        assert (
            asked(tenant.http.put(path, json=body | other | {"roles": roles}))["kind"] == "sign_in_connection"
        )
    assert tenant.http.put(path, json=body | {"roles": []}).status_code == 200
    assert asked(tenant.http.put(path, json=body | {"roles": roles}))["state"] == "pending"
    assert tenant.http.delete(path).status_code == 204


def test_a_veto_ends_it(tenant: Tenant, second: httpx.Client):
    """Nothing was done, the list by state has it, and it is not approved any more."""
    act, done = erase_call(tenant)
    rule(tenant, "call_erasure")
    approval = asked(act())
    assert decide(second, approval, "veto").json()["state"] == "vetoed"
    assert decide(second, approval).json()["reasons"] == ["decided"]
    assert not done()
    path = tenant.url("/approvals")
    listed = {state: tenant.http.get(path, params={"state": state}).json() for state in ("pending", "vetoed")}
    assert (listed["pending"]["items"], len(listed["vetoed"]["items"])) == ([], 1)


def test_a_list_has_pages(tenant: Tenant):
    """Newest first, and a cursor leads on."""
    acts = [erase_recording_of(tenant, f"rec-{number}") for number in range(3)]
    rule(tenant, "recording_erasure")
    ids = [asked(tenant.http.delete(path))["id"] for path in acts]
    path, found, cursor = tenant.url("/approvals"), list[str](), None
    while True:
        page = tenant.http.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += [one["id"] for one in page["items"]]
        if (cursor := page.get("next_cursor")) is None:
            break
    assert found == ids[::-1]


def erase_recording_of(tenant: Tenant, ref: str) -> str:
    """Upload a recording; return its path."""
    return tenant.url(f"/recordings/{tenant.uploaded(AUDIO, ref=ref)}")


def test_the_reason_is_shown_to_who_approves(tenant: Tenant, second: httpx.Client):
    """UTF-8 with percent-encoding; anything else names the header, and nothing waits."""
    act, _ = erase_call(tenant)
    del act
    rule(tenant, "call_erasure")
    path = tenant.url("/calls/call-9")
    for wrong in ("%ff", "%00", "%0a", "%20", "x" * 501, quote("ü" * 501)):
        refused = tenant.http.delete(path, headers={"Approval-Reason": wrong})
        assert refused.status_code == 422, wrong
        assert "pproval-" in refused.text
    assert tenant.http.get(tenant.url("/approvals")).json()["items"] == []
    approval = asked(tenant.http.delete(path, headers={"Approval-Reason": quote("Frau Müller bat darum")}))
    assert second.get(approval["address"]).json()["reason"] == "Frau Müller bat darum"


def test_a_key_needs_the_scopes(tenant: Tenant, house: House):
    """Without approvals:write 403; with it and without the act's scope 409 that names the scope."""
    act, done = erase_call(tenant)
    rule(tenant, "call_erasure")
    approval = asked(act())
    for scopes, status in ((("privacy:write",), 403), (("approvals:write",), 409)):
        client = house.client(house.key_for(tenant.name, *scopes))
        assert decide(client, approval).status_code == status
    assert not done()


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "maybe", "digest": "0"},
        {"decision": "approve"},
        {"decision": "approve", "digest": 1},
        {"digest": "0"},
        {"decision": "approve", "digest": "0", "more": 1},
        {"decision": "approve", "digest": "0" * 129},
    ],
)
def test_a_malformed_decision_is_named(tenant: Tenant, second: httpx.Client, body: dict[str, object]):
    """422, and it still waits."""
    act, _ = erase_call(tenant)
    rule(tenant, "call_erasure")
    approval = asked(act())
    assert second.post(approval["address"], json=body).status_code == 422
    assert second.get(approval["address"]).json()["state"] == "pending"
