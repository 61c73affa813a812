"""Packages of calls that were transferred: the voice and the number of somebody else on the side are not in them."""

import json

import pytest

from tests.services.requests.people import (
    OTHER,
    PERSON,
    ask,
    asks,
    call,
    carried_out,
    decide,
)
from tests.services.requests.stereo_calls import STEREO, package, stereo, stereo_call
from tests.support.service_house import House
from vault.domain.calls.call import CallFacts
from vault.domain.requests.request import RequestState, Verdict
from vault.errors import Refused

THIRD = "+33698765432"


async def report(house: House, **facts: str) -> None:
    """Report more of the call."""
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", **facts))  # type: ignore[arg-type]


async def agents_call(house: House, agent: str) -> str:
    """Let an agent's call be recorded with a channel for each party; return the recording's id."""
    await call(house, "call-1", caller=OTHER, callee=THIRD, direction="inbound", agent=agent)
    announced = await house.announce("rec-1", body=stereo(), call_ref="call-1", voices=STEREO)
    await house.settle(announced.recording_id)
    return announced.recording_id


async def test_a_transfer_to_another_number_waits_for_a_person(either: House):
    """The channel has the voices of both callees: it is given whole or not at all, and without the third number."""
    recording_id = await stereo_call(either, "call-1", caller=OTHER, callee=PERSON)
    await report(either, caller=OTHER, callee=THIRD)
    view = await ask(either, asks("access"))
    with pytest.raises(Refused) as waits:
        await decide(either, view.request.id, "provided")
    assert waits.value.reasons == ("review_needed",)
    whole = {recording_id: Verdict(code="provided_whole")}
    await decide(either, view.request.id, "provided", verdicts=whole)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    files = await package(either, view.request.id)
    assert files.read(f"recordings/{recording_id}/audio.wav") == stereo()
    vcon = json.loads(files.read(f"recordings/{recording_id}/recording.vcon.json"))
    assert vcon["parties"] == [{"tel": OTHER}, {"tel": PERSON}]
    assert not any(THIRD.encode() in files.read(name) for name in files.namelist())


async def test_a_transfer_to_another_agent_waits_for_a_person(either: House):
    """Both worked on the same side."""
    await agents_call(either, "Alice")
    await report(either, agent="bob")
    view = await ask(either, asks("access", numbers=(), agents=("alice",)))
    with pytest.raises(Refused) as waits:
        await decide(either, view.request.id, "provided")
    assert waits.value.reasons == ("review_needed",)


async def test_a_transfer_that_is_reported_after_the_decision_is_left_out(either: House):
    """The worker looks again: nobody can cut the other callee out."""
    recording_id = await stereo_call(either, "call-1", caller=OTHER, callee=PERSON)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await report(either, callee=THIRD)
    assert await carried_out(either, view.request.id) is RequestState.DENIED
    files = await package(either, view.request.id)
    left_out = json.loads(files.read("request.json"))["left_out"]
    assert left_out == [{"recording": recording_id, "reason": "no_channel_alone"}]
    assert not any(name.endswith((".wav", ".vcon.json")) for name in files.namelist())


async def test_an_agent_alone_gets_the_channel_without_the_number_of_the_line(either: House):
    """The line is the company's, and others may answer there."""
    recording_id = await agents_call(either, "Alice")
    view = await ask(either, asks("access", numbers=(), agents=("alice",)))
    await decide(either, view.request.id, "provided")
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    files = await package(either, view.request.id)
    vcon = json.loads(files.read(f"recordings/{recording_id}/recording.vcon.json"))
    assert (vcon["parties"], vcon["dialog"][0]["parties"]) == ([{}, {}], 1)


async def test_calls_json_names_no_number_of_somebody_else(either: House):
    """A call without a recording that was transferred is in the answer, without a side."""
    await call(either, "call-1", caller=OTHER, callee=PERSON)
    await call(either, "call-2", caller=OTHER, callee=PERSON)
    await report(either, callee=THIRD)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    files = await package(either, view.request.id)
    shown = [(one["you"], one["your_number"]) for one in json.loads(files.read("calls.json"))]
    assert sorted(shown, key=str) == [("callee", PERSON), (None, None)]
