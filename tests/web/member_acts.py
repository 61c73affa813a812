"""What tests of all operations do with invited people."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.support.tenant import Tenant
from tests.web.growth_scene import Grown


def grow_invited(grown: Grown, number: int) -> None:
    """One more invited person, whose address is replaced and revoked; half of them leave."""
    said = {"name": f"I {number}", "email": f"i{number}@acme.example", "roles": ["listener"], "agents": ["a"]}
    made = grown.act("post_member", body=said)
    if _approved(grown, made):
        (newest, *_) = grown.act("list_members", "approved", params={"limit": 1})["items"]
        member = newest["id"]
    else:
        member = made["member"]["id"]
    grown.ids["member"] = member
    said = {"roles": ["supervisor"], "agents": [f"agent {number}"]}
    _approved(grown, grown.act("patch_member", body=said, member=member))
    grown.act("delete_console_sessions", member=member)
    grown.act("put_step_up", body={"required": bool(number % 2)})
    again = grown.act("post_invitation", member=member)
    if _approved(grown, again):
        again = grown.act("post_invitation", "approved", member=member)
    grown.act("delete_invitation", member=member, invitation=again["id"])
    if number % 2:
        grown.act("post_removal", "invited", member=member)


def _approved(grown: Grown, made: dict[str, Any]) -> bool:
    """Approve what needs a second person; false if it did not."""
    if made.get("state") != "pending":
        return False
    said = {"decision": "approve", "digest": made["digest"]}
    grown.act("post_approval", "member", http=grown.second, body=said, approval=made["id"])
    return True


def invite(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return an invitation, and whether the person is there, with an address for who asked."""
    body = {"name": "Ada", "email": "ada@acme.example", "roles": ["listener"], "agents": ["Kim"]}

    def done() -> bool:
        items = tenant.http.get(tenant.url("/members")).json()["items"]
        if not items:
            return False
        (member,) = items
        assert (member["name"], member["agents"]) == ("Ada", ["Kim"])
        if member["invitation"] is None or member["invitation"]["waits_for"] is None:
            return True  # Seen before.
        answer = tenant.http.post(tenant.url(f"/members/{member['id']}/invitations"))
        return answer.status_code == 201 and "/console/invitation/" in answer.json()["address"]

    return lambda: tenant.http.post(tenant.url("/members"), json=body), done


def _invited(tenant: Tenant) -> str:
    made = tenant.http.post(tenant.url("/members"), json={"name": "Ada", "roles": ["listener"]})
    assert made.status_code == 201, made.text
    return tenant.url(f"/members/{made.json()['member']['id']}")


def give_role(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return a role that an invited person gets, and whether the person has it."""
    path = _invited(tenant)
    return (
        lambda: tenant.http.patch(path, json={"roles": ["admin"]}),
        lambda: tenant.http.get(path).json()["roles"] == ["admin"],
    )


def recover(tenant: Tenant) -> tuple[Callable[[], httpx.Response], Callable[[], bool]]:
    """Return another address of an invited person, and whether who asked may see it."""
    path = _invited(tenant)
    return (
        lambda: tenant.http.post(f"{path}/invitations"),
        lambda: tenant.http.get(path).json()["invitation"]["waits_for"] is not None,
    )


def type_member(tenant: Tenant, mark: Any) -> None:
    """Invite a person, and change what was said of the person."""

    def said(*at: str) -> dict[str, Any]:
        email, agents = f"{mark(*at, 'email')}@acme.example", [mark(*at, "agents[]")]
        return {"name": mark(*at, "name"), "email": email, "agents": agents, "roles": ["supervisor"]}

    made = tenant.http.post(tenant.url("/members"), json=said("POST", "/members"))
    assert made.status_code == 201, made.text
    changed = said("PATCH", "/members/{member}")
    answer = tenant.http.patch(tenant.url(f"/members/{made.json()['member']['id']}"), json=changed)
    assert (answer.status_code, answer.json()["email"]) == (200, changed["email"]), answer.text


def grow_provisioning(grown: Grown, number: int) -> None:
    """Make and revoke a token; now and then the provisioning is deleted and made again."""
    body = {"issuer": "https://idp.example", "client_id": "c", "roles": [{"value": "v", "role": "listener"}]}
    if "provisioned" not in grown.ids:
        path = grown.address("put_sign_in_connection", name="directory")
        made = grown.tenant.http.put(path, json=body)
        assert made.is_success, made.text
        if made.json().get("state") == "pending":  # A rule is on.
            approval = {"decision": "approve", "digest": made.json()["digest"]}
            grown.act("post_approval", "member", http=grown.second, body=approval, approval=made.json()["id"])
        grown.ids["provisioned"] = "directory"
    grown.act("put_provisioning", body={"connection": "directory", "revokes_links": bool(number % 2)})
    token = grown.act("post_provisioning_token")["id"]
    grown.ids["token"] = token
    grown.act("delete_provisioning_token", token=token)
    if number % 4 == 3 or grown.is_measured:
        grown.act("delete_provisioning")
        grown.act("put_provisioning", "again", body={"connection": "directory"})
