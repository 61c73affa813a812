"""Two people whom one invited are not two for an approval: he may have opened both addresses."""

import pytest

from tests.support.approvals import approve, ask, rule
from tests.support.invited import ADMIN, accept, device_of
from tests.support.parties import let_in, set_policy
from tests.support.service_house import House
from vault.domain.approvals.approval import ApprovalState
from vault.errors import Refused


async def person(house: House, by: str) -> str:
    """Let somebody be invited, and sign in; return the id."""
    issued = await house.vault.sign_in.invitations.invite(house.account.id, ADMIN, actor=by)
    await accept(house, issued.token.text, device_of(house))
    return issued.invitation.person_id


async def test_two_people_whom_one_invited_are_not_two(house: House):
    """Nor is one and whom he invited; two whom the operator invited, or two keys of the operator's, are."""
    await set_policy(house)
    recording_id = await let_in(house)
    await rule(house, "recording_erasure")
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
    asked = await ask(house, recording_id, actor=first)
    for wrong in (first, second, third, keys[0].id):
        with pytest.raises(Refused) as refused:
            await approve(house, asked, actor=wrong)
        assert refused.value.reasons == ("same_key",), wrong
    assert (await approve(house, asked, actor=other)).state is ApprovalState.EXECUTED
