"""One more invited person in each round of growth."""

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
