"""An approval binds what was shown, by id: as many others are another effect, of each kind of act."""

from dataclasses import replace

import pytest

from tests.support.approvals import THIRD, approve, ask_call, change_row, rule
from tests.support.parties import let_in, set_policy
from tests.support.retention import FIRST, place, two_keys
from tests.support.service_house import House
from vault.domain.approvals.approval import ApprovalState, with_digest
from vault.domain.recordings.recording import GONE
from vault.errors import Refused


async def test_as_many_others_are_another_effect(either: House):
    """The recording that was shown goes and another one comes: it is not erased by the same approval."""
    await set_policy(either)
    first = await let_in(either)
    await rule(either, "call_erasure")
    asked = await ask_call(either)
    await either.vault.recordings.recordings.erase(either.account.id, first, actor=FIRST)
    second = await let_in(either, "rec-2")
    again = await approve(either, asked)
    assert (again.state, again.outcome) == (ApprovalState.PENDING, "effect_changed")
    assert again.effect == asked.effect
    assert again.digest != asked.digest
    assert await either.state(second) not in GONE
    assert (await approve(either, again)).state is ApprovalState.EXECUTED
    assert await either.state(second) in GONE


async def test_a_release_is_of_the_recordings_that_the_hold_covered(either: House):
    """As many others, by the same hold: asked again where the digest was sent."""
    await set_policy(either)
    first = await let_in(either)
    hold = await place(either, everything=True)
    account_id = either.account.id
    await two_keys(either, THIRD)
    preview = await either.vault.retention.hold_releases.preview(account_id, hold.hold.id)
    asked = await either.vault.retention.hold_releases.ask(
        account_id, hold.hold.id, digest=preview.digest, actor=FIRST
    )
    second = await let_in(either, "rec-2")
    await change_row(either, "UPDATE recordings SET state = 'quarantined' WHERE id = :id", id=first)
    again = await approve(either, asked)
    assert (again.state, again.effect, again.outcome) == (
        ApprovalState.PENDING,
        {"bound": 1},
        "effect_changed",
    )
    assert (await approve(either, again)).state is ApprovalState.EXECUTED
    assert await either.state(second) not in GONE


async def test_what_an_earlier_release_asked_binds_its_number(either: House):
    """Its digest has no ids. It is approved as it was shown."""
    await set_policy(either)
    await let_in(either)
    await rule(either, "call_erasure")
    asked = await ask_call(either)
    text = (await either.vault.approvals.approvals.read(either.account.id, asked.id)).text
    earlier = with_digest(replace(asked, effect_digest=None), text)
    assert await either.database.write(lambda tx: tx.approvals.change(earlier, was=asked))
    with pytest.raises(Refused):
        await approve(either, asked)
    assert (await approve(either, earlier)).state is ApprovalState.EXECUTED
