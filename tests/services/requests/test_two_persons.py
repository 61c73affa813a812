"""A recording that the persons of two requests have restricted: it is lifted when both were informed.

Calls of a number that are more than 45 days apart may be of two people: neither gets what may be the other's.
"""

from pathlib import Path

import pytest

from tests.services.requests.people import ACTOR, OTHER, PERSON, ago, ask, asks, carried_out, decide, recorded
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.restoring import empty_house, settle_journal
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import Kind, Period, RequestState
from vault.errors import Invalid, Refused
from vault.thread_pools import Threads

#: Periods in which both holders' calls are: none, all open, one side open, and closed.
WITH_BOTH = (
    None,
    Period(),
    Period(since=ago(days=1000)),
    Period(until=ago(hours=1)),
    Period(since=ago(days=1000), until=ago(hours=1)),
)


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


async def refused(house: House, request_id: str, code: str, period: Period | None) -> tuple[str, ...]:
    """Return why a decision is refused."""
    with pytest.raises(Refused) as error:
        await decide(house, request_id, code, period=period)
    return error.value.reasons


@pytest.mark.parametrize("kind", ["erasure", "objection"])
async def test_a_decision_to_erase_needs_a_period_of_one_holder(either: House, kind: Kind):
    """No period that has the calls of both is enough; one that has only the newer calls erases these."""
    old = await recorded(either, "call-1", at=ago(days=900))
    new = await recorded(either, "call-2", at=ago(days=2))
    view = await ask(either, asks(kind))
    for period in WITH_BOTH:
        assert await refused(either, view.request.id, "erased", period) == ("period_needed",)
    await decide(either, view.request.id, period=Period(since=ago(days=30)))
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert [await either.state(one) for one in (old, new)] == [State.AVAILABLE, State.ERASED]


async def test_the_period_of_the_request_is_no_confirmation(either: House):
    """The person named the time of the calls, not since when they have the number."""
    await recorded(either, "call-1", at=ago(days=900))
    await recorded(either, "call-2", at=ago(days=2))
    view = await ask(either, asks(period=Period(since=ago(days=1000))))
    assert await refused(either, view.request.id, "erased", None) == ("period_needed",)


async def test_a_package_has_the_calls_of_one_holder(either: House):
    """The decision to provide is refused as an erasure is."""
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER, at=ago(days=900))
    new = await stereo_call(either, "call-2", caller=PERSON, callee=OTHER, at=ago(days=2))
    view = await ask(either, asks("access"))
    for code in ("provided", "provided_whole"):
        for period in WITH_BOTH:
            assert await refused(either, view.request.id, code, period) == ("period_needed",)
    await decide(either, view.request.id, "provided", period=Period(since=ago(days=30)))
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    files = (await package(either, view.request.id)).namelist()
    assert [name for name in files if name.endswith(".wav")] == [f"recordings/{new}/audio.wav"]


async def test_the_account_confirms_that_it_was_one_holder(either: House):
    """With whole_time the person gets all, in the period that was sent."""
    recordings = [
        await stereo_call(either, f"call-{days}", caller=PERSON, callee=OTHER, at=ago(days=days))
        for days in (900, 400, 2)
    ]
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided", whole_time=True, period=Period(since=ago(days=500)))
    await carried_out(either, view.request.id)
    files = (await package(either, view.request.id)).namelist()
    given = {name for name in files if name.endswith(".wav")}
    assert given == {f"recordings/{one}/audio.wav" for one in recordings[1:]}
