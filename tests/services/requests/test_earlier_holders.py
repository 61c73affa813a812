"""Calls of a number that are more than 45 days apart may be of two people: neither gets what may be the other's."""

import pytest

from tests.services.requests.people import OTHER, PERSON, ago, ask, asks, carried_out, decide, recorded
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import Kind, Period, RequestState
from vault.errors import Refused

#: Periods in which both holders' calls are: none, all open, one side open, and closed.
WITH_BOTH = (
    None,
    Period(),
    Period(since=ago(days=1000)),
    Period(until=ago(hours=1)),
    Period(since=ago(days=1000), until=ago(hours=1)),
)


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
