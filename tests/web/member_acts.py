"""What tests of all operations do with invited people."""

from typing import Any

from tests.support.tenant import Tenant
from tests.web.growth_scene import Grown


def grow_invited(grown: Grown, number: int) -> None:
    """One more invited person, whose address is replaced and revoked; half of them leave."""
    said = {"name": f"I {number}", "email": f"i{number}@acme.example", "roles": ["listener"], "agents": ["a"]}
    made = grown.act("post_member", body=said)
    member = made["member"]["id"]
    grown.ids["member"] = member
    grown.act("patch_member", body={"roles": ["supervisor"], "agents": [f"agent {number}"]}, member=member)
    again = grown.act("post_invitation", member=member)
    grown.act("delete_invitation", member=member, invitation=again["id"])
    if number % 2:
        grown.act("post_removal", "invited", member=member)


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
