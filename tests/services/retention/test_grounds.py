"""A recording that nobody may make, or that has a card code: erased before a minimum ends, by two persons.

What waits for its erasure, because a hold or a minimum keeps it.
"""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.approvals import approve, ask
from tests.support.parties import ME, let_in, set_policy, tell
from tests.support.retention import kept, place, release, set_retention, two_keys
from tests.support.service_house import House
from vault.domain.approvals.approval import ApprovalState
from vault.domain.recordings.recording import GONE
from vault.domain.retention.judge import GROUNDS, Ground
from vault.errors import Held, Refused

LAW = {"minimum": "P5Y", "minimum_ground": "legal_obligation", "statute": "MiFID II 16(7)"}


async def obliged(house: House, ref: str = "rec-1") -> str:
    """Return a recording that a law obliges to keep for years."""
    await set_policy(house)
    recording_id = await let_in(house, ref, call_ref=f"call-{ref}")
    await set_retention(house, kept(period="P5Y", **LAW))
    await house.vault.jobs.apply_policies()
    await two_keys(house)
    return recording_id


@pytest.mark.parametrize("ground", GROUNDS)
async def test_a_ground_passes_over_a_legal_minimum_with_a_second_person(either: House, ground: Ground):
    """Without a ground it is refused; with one, nothing happens before another person approves; the log names it."""
    recording_id = await obliged(either)
    with pytest.raises(Refused) as refused:
        await either.vault.recordings.recordings.erase(either.account.id, recording_id, **ME)
    assert refused.value.reasons == ("minimum_legal",)
    asked = await ask(either, recording_id, ground=ground)
    assert asked.kind == "erasure_within_minimum"
    assert await either.state(recording_id) not in GONE
    assert (await approve(either, asked)).state is ApprovalState.EXECUTED
    assert await either.state(recording_id) in GONE
    assert await either.keys_gone(recording_id)
    while await either.vault.jobs.log_publisher.sequence():
        pass
    page = await either.database.read(
        lambda tx: tx.events.page(either.account.id, recording_id=recording_id, start=0, limit=100)
    )
    assert [one.event.result for one in page if one.event.type == "recording.erasing"] == [ground]


async def test_a_ground_passes_over_no_hold(either: House):
    """It is refused while the hold stands, also where it was approved before the hold."""
    recording_id = await obliged(either)
    asked = await ask(either, recording_id, ground="unlawful_recording")
    hold = (await place(either, recordings=[recording_id])).hold
    with pytest.raises(Held):
        await either.vault.recordings.recordings.erase(
            either.account.id, recording_id, ground="unlawful_recording", **ME
        )
    ended = await approve(either, asked)
    assert (ended.state, ended.outcome) == (ApprovalState.EXPIRED, "held")
    assert await either.state(recording_id) not in GONE
    await release(either, hold.id, at_once=True)
    again = await ask(either, recording_id, ground="unlawful_recording")
    assert (await approve(either, again)).state is ApprovalState.EXECUTED


async def test_what_waits_for_its_erasure_stays_restricted(either: House):
    """A lift would let everybody hear a recording that its party asked to erase; other restrictions are lifted."""
    await set_policy(either, withdrawal="erase")
    recording_id, other = await let_in(either), await let_in(either, "rec-2", call_ref="call-2")
    await place(either, everything=True)
    await tell(either, "withdrawn")
    for one in (recording_id, other):
        await either.vault.recordings.recordings.restrict(
            either.account.id, one, restricted=True, reason=None, **ME
        )
    for told_at in (None, datetime.now(UTC) - timedelta(days=1)):
        with pytest.raises(Refused) as refused:
            await either.vault.recordings.recordings.restrict(
                either.account.id, recording_id, restricted=False, reason=None, told_at=told_at, **ME
            )
        assert refused.value.reasons == ("pending_erasure",)
    await either.vault.recordings.recordings.restrict(
        either.account.id, other, restricted=False, reason=None, **ME
    )
    assert [(await either.row(one)).restricted for one in (recording_id, other)] == [True, False]
