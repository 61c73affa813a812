"""A recording that the persons of two requests have restricted: it is lifted when both were informed."""

from pathlib import Path

import pytest

from tests.services.requests.people import ACTOR, OTHER, ago, ask, asks, carried_out, decide, recorded
from tests.support.restoring import empty_house, settle_journal
from tests.support.service_house import House
from vault.domain.requests.request import RequestState
from vault.errors import Invalid
from vault.thread_pools import Threads


async def _both_ask(house: House) -> tuple[str, str, str]:
    """Restrict a recording for its caller and its callee; return it, and their requests."""
    recording_id = await recorded(house, "call-1")
    caller = await ask(house, asks("restriction", reference="caller"))
    callee = await ask(house, asks("restriction", reference="callee", numbers=((OTHER, None),)))
    for view in (caller, callee):
        await decide(house, view.request.id, "restricted")
        assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    return recording_id, caller.request.id, callee.request.id


async def _lift(house: House, recording_id: str, *informed: str, told: bool = True) -> None:
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=False, reason=None, actor=ACTOR, informed=informed,
        told_at=ago(minutes=1) if told else None,
    )  # fmt: skip


async def test_it_is_lifted_when_both_were_informed(either: House):
    """The time alone is not enough, nor one of them; the error names whose person is left."""
    recording_id, caller, callee = await _both_ask(either)
    with pytest.raises(Invalid) as untold:
        await _lift(either, recording_id, caller, callee, told=False)
    assert untold.value.field == "told_at"
    for informed, left in (
        ((), (caller, callee)),
        ((caller,), (callee,)),
        ((callee, "req_unknown"), (caller,)),
    ):
        with pytest.raises(Invalid) as raised:
            await _lift(either, recording_id, *informed)
        assert raised.value.field == "requests"
        assert all(one in str(raised.value) for one in left)
        assert not any(one in str(raised.value) for one in informed)
    assert (await either.row(recording_id)).restricted
    await _lift(either, recording_id, caller, callee)
    assert not (await either.row(recording_id)).restricted
    # A later restriction of the account's own is not theirs.
    await either.vault.recordings.recordings.restrict(
        either.account.id, recording_id, restricted=True, reason=None, actor=ACTOR
    )
    await _lift(either, recording_id, told=False)


async def test_another_name_does_not_stand_for_the_only_person(house: House):
    """A client that names a request must name the right one."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house, asks("restriction"))
    await decide(house, view.request.id, "restricted")
    await carried_out(house, view.request.id)
    with pytest.raises(Invalid, match=view.request.id):
        await _lift(house, recording_id, "req_unknown")
    await _lift(house, recording_id)
    assert not (await house.row(recording_id)).restricted


async def test_the_bucket_alone_knows_both(either: House, tmp_path: Path, threads: Threads):
    """A lost database does not free the recording of one of them."""
    recording_id, caller, callee = await _both_ask(either)
    await settle_journal(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        assert (await late.row(recording_id)).restricted
        with pytest.raises(Invalid, match=callee):
            await _lift(late, recording_id, caller)
        await _lift(late, recording_id, caller, callee)
        assert not (await late.row(recording_id)).restricted
