"""With an approval rule, two people give somebody access; and two whom one invited are not two for an approval."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.support.approvals import approve, ask, change_row, rule
from tests.support.invited import ADMIN, accept, become, device_of, events, sign_in
from tests.support.parties import let_in, set_policy
from tests.support.retention import FIRST, SECOND
from tests.support.service_house import House
from vault.domain.approvals.approval import Approval, ApprovalState
from vault.domain.sign_in.invitation import RECOVERY_WAIT, MemberTerms
from vault.errors import ApprovalNeeded, Refused
from vault.services.sign_in.invitations import Issued


async def person(house: House, by: str) -> str:
    """Let somebody be invited, and sign in; return the id."""
    issued = await house.vault.sign_in.invited_people.invite(house.account.id, ADMIN, actor=by)
    await accept(house, issued.token.text, device_of(house))
    return issued.invitation.person_id


async def test_two_people_whom_one_invited_are_not_two(house: House):
    """Nor is one and whom he invited; two whom the operator invited, or two keys of the operator's, are."""
    await set_policy(house)
    recording_id = await let_in(house)
    keys = [
        (
            await house.vault.accounts.api_keys.issue(
                name="k", scopes=["*"], account_id=None, actor="operator"
            )
        )[0]
        for _ in range(2)
    ]
    first, second = await person(house, keys[0].id), await person(house, keys[0].id)
    third, other = await person(house, first), await person(house, keys[1].id)
    await rule(house, "recording_erasure")
    asked = await ask(house, recording_id, actor=first)
    for wrong in (first, second, third, keys[0].id):
        with pytest.raises(Refused) as refused:
            await approve(house, asked, actor=wrong)
        assert refused.value.reasons == ("same_key",), wrong
    assert (await approve(house, asked, actor=other)).state is ApprovalState.EXECUTED


async def asked_for(
    house: House, act: Awaitable[object], subject: str = "", arguments: Mapping[str, Any] | None = None
) -> Approval:
    """Try an act that needs a second person, and ask for it, as REST does."""
    with pytest.raises(ApprovalNeeded) as needed:
        await act
    return await house.vault.approvals.approvals.ask(
        house.account.id, needed.value, subject=subject, arguments=arguments or {}, reason=None, actor=FIRST
    )


def invitation() -> Mapping[str, Any]:
    """Return what an approval of an invitation stores."""
    return {"member": {"name": ADMIN.name, "email": ADMIN.email, "roles": ["auditor"], "agents": []}}


async def invited_by_two(house: House) -> str:
    """Let one ask for an auditor, and another approve; return the person's id."""
    terms = replace(ADMIN, roles=("auditor",))
    invite = house.vault.sign_in.invited_people.invite(house.account.id, terms, actor=FIRST)
    asked = await asked_for(house, invite, arguments=invitation())
    assert await house.vault.sign_in.members.page(house.account.id, before=None, limit=5) == []
    done = await approve(house, asked)
    assert done.state is ApprovalState.EXECUTED, done
    (member,) = await house.vault.sign_in.members.page(house.account.id, before=None, limit=5)
    assert (member.name, member.email, member.roles) == (ADMIN.name, ADMIN.email, ("auditor",))
    return member.row.id


def issuing(house: House, person_id: str, actor: str) -> Awaitable[Issued]:
    """Give a person an address."""
    return house.vault.sign_in.invitations.issue(
        house.account.id, person_id, may_give=lambda _: None, actor=actor
    )


async def test_with_a_rule_two_people_invite_one(either: House):
    """Who asked sees the address, once, and nobody before; the next address needs two people again."""
    await rule(either, "recording_erasure")
    person_id = await invited_by_two(either)
    with pytest.raises(ApprovalNeeded) as needed:
        await issuing(either, person_id, SECOND)
    assert needed.value.verb == "member_recovery"
    made = await issuing(either, person_id, FIRST)
    member = await either.vault.sign_in.members.get(either.account.id, person_id)
    assert member.invitation == made.invitation
    with pytest.raises(ApprovalNeeded):
        await issuing(either, person_id, FIRST)
    begun = await accept(either, made.token.text, device_of(either))
    assert begun.session.scopes == {"audit:read"}
    assert [one for one in await events(either) if one.startswith(("member", "inv", "approval"))] == [
        "approval_rule.tightened", "approval.requested", "approval.approved", "approval.executed", "member.invited",
        "invitation.issued", "invitation.ended",
    ]  # fmt: skip


async def test_with_a_rule_two_people_replace_a_lost_passkey(either: House):
    """The passkey works until the address is used, which waits for a day after somebody has seen it."""
    await rule(either, "recording_erasure")
    person_id = await invited_by_two(either)
    device = device_of(either)
    await accept(either, (await issuing(either, person_id, FIRST)).token.text, device)
    asked = await asked_for(either, issuing(either, person_id, FIRST), person_id)
    assert asked.effect == {"passkeys": 1}
    assert (await approve(either, asked)).state is ApprovalState.EXECUTED
    made = await issuing(either, person_id, FIRST)
    assert made.invitation.starts_at - made.invitation.created_at == RECOVERY_WAIT
    await sign_in(either, device)


async def test_an_approved_address_holds_for_the_person_as_it_was(either: House):
    """Roles that the person got meanwhile were not approved with it."""
    await rule(either, "recording_erasure")
    person_id = await invited_by_two(either)
    asked = await asked_for(either, issuing(either, person_id, SECOND), person_id)

    def promoted(terms: MemberTerms) -> MemberTerms:
        return replace(terms, roles=("auditor", "admin"))

    change = either.vault.sign_in.invited_people.change(
        either.account.id, person_id, promoted, may_give=lambda _: None, actor=FIRST
    )
    roles = await asked_for(either, change, person_id, {"change": {"roles": ["auditor", "admin"]}})
    assert roles.effect == {"from_revision": 1, "granted": 1, "revoked": 0}
    assert (await approve(either, roles)).state is ApprovalState.EXECUTED
    member = await either.vault.sign_in.members.get(either.account.id, person_id)
    assert (member.name, member.roles) == (ADMIN.name, ("admin", "auditor"))
    again = await approve(either, asked)
    assert (again.state, again.outcome) == (ApprovalState.PENDING, "effect_changed")


async def test_what_gives_nothing_needs_nobody_else(either: House):
    """A name, and a role that is taken away; but nobody gives by an approval what he may not give any more."""
    await rule(either, "recording_erasure")
    person_id, people = await invited_by_two(either), either.vault.sign_in.invited_people
    changes: tuple[dict[str, Any], ...] = ({"name": "Eve"}, {"roles": ()})
    for said in changes:
        await people.change(
            either.account.id,
            person_id,
            lambda terms, said=said: replace(terms, **said),  # type: ignore[misc]
            may_give=lambda _: None,
            actor=FIRST,
        )
    change = people.change(either.account.id, person_id, become(ADMIN), may_give=lambda _: None, actor=FIRST)
    asked = await asked_for(either, change, person_id, {"change": {"roles": ["admin"]}})
    await change_row(
        either, "UPDATE api_keys SET scopes = :few WHERE id = :id", id=FIRST, few='["keys:write"]'
    )
    done = await approve(either, asked)
    assert (done.state, done.outcome) == (ApprovalState.EXPIRED, "not_allowed_any_more")
    assert (await either.vault.sign_in.members.get(either.account.id, person_id)).roles == ()
