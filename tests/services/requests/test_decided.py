"""The worker carries out what was decided on, whatever a search would find by then."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.services.requests.people import (
    ACTOR,
    AMBIGUOUS,
    EGYPTIAN,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    at_home,
    call,
    carried_out,
    decide,
    hurry,
    receipt,
    recorded,
)
from tests.support.retention import place, release
from tests.support.service_house import House
from vault.database.stores.requests import person_search
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import Period, RequestState, Verdict
from vault.services.requests import find_person
from vault.tlog.receipt_file import verify_receipt


async def also_recorded(house: House, ref: str, name: str) -> str:
    """Let a further recording of a call become available."""
    recording_id = (await house.announce(name, call_ref=ref)).recording_id
    await house.settle(recording_id)
    return recording_id


async def facts(house: House, ref: str) -> int:
    """Return how many reports of a call are stored."""
    return len(await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, ref)))


async def test_more_calls_than_a_search_may_find_stop_no_decision(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """A call that comes before the worker's try is over the maximum: it is left, and the others are erased."""
    for module in (find_person, person_search):
        monkeypatch.setattr(module, "MAX_FOUND", 2)
    decided = [await recorded(either, f"call-{number}") for number in range(2)]
    view = await ask(either)
    await decide(either, view.request.id)
    late = await recorded(either, "late")
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert [await either.state(one) for one in (*decided, late)] == [
        State.ERASED, State.ERASED, State.AVAILABLE,
    ]  # fmt: skip
    assert await facts(either, "late")


async def _earlier_start(house: House) -> None:
    """Report that the call began three days ago."""
    told = CallFacts(call_ref="call-1", caller=PERSON, callee=OTHER)
    await house.vault.recordings.calls.start(house.account.id, replace(told, started_at=ago(days=3)))


async def _ambiguous_number(house: House) -> None:
    """Report the caller without a country."""
    await call(house, "call-1", caller=AMBIGUOUS)


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recording", "call"])
@pytest.mark.parametrize("late", [_earlier_start, _ambiguous_number])
async def test_a_late_report_hides_nothing_that_was_decided_on(
    either: House, late: Callable[[House], Awaitable[None]], is_recorded: bool
):
    """A start outside the period, or a spelling that can be somebody else's: it is erased as the receipt says."""
    await at_home(either, "US-WA")
    person = PERSON if late is _earlier_start else EGYPTIAN
    await either.vault.recordings.calls.start(
        either.account.id, CallFacts(call_ref="call-1", caller=person, callee=OTHER)
    )
    recording_id = await also_recorded(either, "call-1", "rec-1") if is_recorded else None
    since = Period(since=ago(days=1))
    new = asks(numbers=((person, None),), received_at=ago(minutes=1), period=since)
    view = await ask(either, new)
    await decide(either, view.request.id)
    await late(either)
    again = await either.vault.requests.requests.find(either.account.id, view.request.personal)
    assert not again.recordings
    assert not again.calls
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert recording_id is None or await either.state(recording_id) is State.ERASED
    assert not await facts(either, "call-1")
    statement = verify_receipt(await receipt(either, view.request.id)).statement
    assert [one["id"] for one in statement["recordings"]] == ([recording_id] if is_recorded else [])
    assert statement["calls"] == ({} if is_recorded else {"erased": 1})


async def test_what_nobody_decided_on_stays(either: House):
    """Another call that came after the decision, and a recording that was outside the period of the decision."""
    decided, outside = await recorded(either, "call-1"), await also_recorded(either, "call-1", "rec-2")
    await either.set(outside, call_started_at=ago(days=3))
    view = await ask(either, asks(received_at=ago(minutes=1), period=Period(since=ago(days=1))))
    await decide(either, view.request.id)
    late = await recorded(either, "call-2", at=ago(minutes=1))
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    states = [await either.state(one) for one in (decided, outside, late)]
    assert states == [State.ERASED, State.AVAILABLE, State.AVAILABLE]
    shown = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    assert [one["id"] for one in shown] == [decided]


@pytest.mark.parametrize("code", ["erased", "kept_claims"])
async def test_a_late_recording_of_a_call_has_the_decision_on_the_call(either: House, code: str):
    """Of a call that had a recording, and of one that had none; also where it differs from the default."""
    first = await recorded(either, "call-1")
    await call(either, "call-2")
    view = await ask(either)
    kept = {} if code == "erased" else dict.fromkeys((first, "call-2"), Verdict(code=code))
    await decide(either, view.request.id, verdicts=kept, reason="A claim is pending.")
    late = [await also_recorded(either, ref, f"late-{ref}") for ref in ("call-1", "call-2")]
    is_erased = code == "erased"
    state = await carried_out(either, view.request.id)
    assert state is (RequestState.FULFILLED if is_erased else RequestState.DENIED)
    rows = [await either.row(one) for one in (first, *late)]
    assert {one.state in GONE for one in rows} == {is_erased}
    assert {one.restricted for one in rows} == {not is_erased}
    assert {bool(await facts(either, ref)) for ref in ("call-1", "call-2")} == {not is_erased}
    statement = verify_receipt(await receipt(either, view.request.id)).statement
    assert {one["id"]: one["outcome"] for one in statement["recordings"]} == dict.fromkeys(
        (first, *late), code
    )
    assert statement["calls"] == {code: 1}


@pytest.mark.parametrize("is_recorded", [True, False], ids=["recording", "call"])
async def test_a_late_recording_of_a_held_call_is_erased_after_the_hold(either: House, is_recorded: bool):
    """What a hold keeps of the call is not what the account decided on it."""
    first = [await recorded(either, "call-1")] if is_recorded else []
    await call(either, "call-2" if is_recorded else "call-1")
    hold = (await place(either, calls=["call-1"])).hold
    view = await ask(either)
    await decide(either, view.request.id)
    await hurry(either)
    await either.vault.jobs.execute_requests()
    late = await also_recorded(either, "call-1", "late")
    state = await carried_out(either, view.request.id)
    assert state is (RequestState.PARTLY_FULFILLED if is_recorded else RequestState.WAITS_FOR_HOLD)
    assert (await either.row(late)).restricted
    await release(either, hold.id, at_once=True)
    # The first run of all erases nothing.
    for _ in range(2):
        await either.vault.jobs.retention_sweep()
    assert {await either.state(one) for one in (*first, late)} == {State.ERASING}
    assert not await facts(either, "call-1")


async def test_a_call_that_a_late_recording_keeps_is_not_said_to_be_erased(either: House):
    """A hold covers the recording that came late, so the facts of its call stay with it."""
    await call(either, "call-1")
    view = await ask(either)
    await decide(either, view.request.id)
    late = await also_recorded(either, "call-1", "late")
    await place(either, recordings=[late])
    assert await carried_out(either, view.request.id) is RequestState.WAITS_FOR_HOLD
    assert await facts(either, "call-1")
    statement = verify_receipt(await receipt(either, view.request.id)).statement
    assert [one["outcome"] for one in statement["recordings"]] == ["waits_for_hold"]
    assert statement["calls"] == {"waits_for_hold": 1}


async def test_a_report_after_the_erasure_is_erased_while_the_request_is_open(either: House):
    """The facts of a call come again from the platform; the recording was erased by somebody else before."""
    recording_id = await recorded(either, "call-1")
    view = await ask(either)
    await decide(either, view.request.id)
    await either.vault.recordings.recordings.erase(either.account.id, recording_id, actor=ACTOR)
    assert await facts(either, "call-1")
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert not await facts(either, "call-1")
