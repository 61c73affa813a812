"""What a package does not have is named in it, and not ``provided`` in the receipt."""

import json

import pytest

from tests.services.requests.people import ACTOR, OTHER, PERSON, ask, asks, carried_out, decide, receipt
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.service_house import House
from vault.domain.requests.request import RequestState
from vault.tlog.receipt_file import verify_receipt


async def test_a_recording_that_is_erased_after_the_decision_is_not_provided(either: House):
    """The worker comes later: neither package nor receipt says that the person got it."""
    erased, given = [
        await stereo_call(either, ref, caller=PERSON, callee=OTHER) for ref in ("call-1", "call-2")
    ]
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await either.vault.recordings.recordings.erase(either.account.id, erased, actor=ACTOR)
    assert await carried_out(either, view.request.id) is RequestState.PARTLY_FULFILLED
    files = await package(either, view.request.id)
    assert json.loads(files.read("request.json"))["left_out"] == [{"recording": erased, "reason": "erased"}]
    assert f"<li>{erased} was erased.</li>" in files.read("index.html").decode()
    statement = verify_receipt(await receipt(either, view.request.id)).statement
    outcomes = {one["id"]: one["outcome"] for one in statement["recordings"]}
    assert outcomes == {erased: "not_provided", given: "provided"}


@pytest.mark.parametrize("state", ["refused", "failed"])
async def test_a_recording_that_was_never_stored_is_not_provided(either: House, state: str):
    """There is no audio of it, and never was."""
    recording_id = await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    await either.set(recording_id, state=state)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    assert await carried_out(either, view.request.id) is RequestState.DENIED
    files = await package(either, view.request.id)
    left_out = json.loads(files.read("request.json"))["left_out"]
    assert left_out == [{"recording": recording_id, "reason": "not_stored"}]
    (one,) = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    assert one["outcome"] == "not_provided"
