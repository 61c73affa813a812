"""Why a recording is still here, with the log's leaves of the policy and of the holds, so that it can be proven."""

from datetime import timedelta

from tests.support.parties import let_in
from tests.support.retention import FIRST, kept, place, set_retention
from tests.support.service_house import House
from vault.domain.audit_log.access_event import AccessEvent
from vault.services.retention.recording_retention import find_leaf


async def test_policy_and_holds_have_their_leaves(house: House):
    """Each index is that of the event that set the policy or placed the hold, among many others."""
    recording_id, account_id = await let_in(house), house.account.id
    await _many(house)
    await set_retention(house, kept(period="P1Y"), at_once=False)
    await _many(house)
    first, second = await place(house, calls=["call-1"]), await place(house, everything=True)
    await _many(house)
    # The policy waits, so none is in force that could have a leaf.
    found = await house.vault.retention.recordings.proven(account_id, recording_id)
    assert set(found.leaves) == {first.hold.id, second.hold.id}
    for hold_id, index in found.leaves.items():
        event = (await house.database.read(lambda tx, index=index: tx.events.at(account_id, index))).event
        assert (event.type, event.result, event.actor) == ("hold.placed", hold_id, FIRST)
    bare = await house.vault.retention.recordings(account_id, recording_id)
    assert not bare.leaves


async def test_a_policy_in_force_has_its_leaf(house: House):
    """It is named by its version."""
    recording_id, account_id = await let_in(house), house.account.id
    await set_retention(house, kept(period="P1Y"), at_once=False)
    changed = (await house.vault.retention.policy.read(account_id)).newest
    at = changed.changed_at
    assert at is not None
    index = await house.database.read(lambda tx: find_leaf(tx, account_id, "retention.changed", "v1", at))
    assert index is not None
    event = (await house.database.read(lambda tx: tx.events.at(account_id, index))).event
    assert (event.type, event.result) == ("retention.changed", "v1")
    assert recording_id


async def test_an_event_that_the_log_does_not_have_has_no_leaf(house: House):
    """Not one of another time, and none of another name."""
    hold = (await place(house, everything=True)).hold
    await _many(house)

    def find(name: str, days: int) -> object:
        at = hold.placed_at + timedelta(days=days)
        return house.database.read(lambda tx: find_leaf(tx, house.account.id, "hold.placed", name, at))

    assert await find(hold.id, 0) is not None
    assert await find("hold_other", 0) is None
    assert await find(hold.id, 1) is None
    assert await find(hold.id, -1) is None


async def _many(house: House) -> None:
    """Append more events than one page has."""

    def append(tx):
        for number in range(250):
            tx.events.append(
                AccessEvent(
                    type="details.read", at=tx.now(), account_id=house.account.id, actor=f"key_{number}"
                )
            )

    await house.database.write(append)
