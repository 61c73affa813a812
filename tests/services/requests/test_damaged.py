"""A recording that cannot be read stops nothing but itself in a person's request."""

import logging
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.services.requests.closures import closing, work
from tests.services.requests.people import (
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    call,
    carried_out,
    decide,
    receipt,
    recorded,
)
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.parties import tell
from tests.support.retention import kept, set_retention
from tests.support.service_house import House
from vault.database.schema.consent import consent_events
from vault.database.schema.core import recordings
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState, Verdict
from vault.domain.retention.policy import Match
from vault.errors import Refused
from vault.tlog.receipt_file import verify_receipt

LAW = {"minimum": "P5Y", "minimum_ground": "legal_obligation", "statute": "MiFID II art. 16(7)"}
KIM = Match(agent="Kim")
DAMAGE = b"damaged" * 20


async def damaged(house: House, recording_id: str, column: str) -> dict[str, Any]:
    """Damage a sealed column of a recording; return what repairs it."""
    query = select(recordings.c[column]).where(recordings.c.id == recording_id)
    before = await house.database.read(lambda tx: tx.connection.execute(query).scalar_one())
    await house.set(recording_id, **{column: DAMAGE})
    return {column: before}


def put_off(caplog: pytest.LogCaptureFixture) -> set[tuple[str, str]]:
    """Return the recordings that an operator finds in the log, each with the reason."""
    return {
        (one.fields["recording_id"], one.fields["reason"])
        for one in caplog.records
        if one.message == "request.recording_put_off"
    }


async def test_what_nothing_keeps_is_erased_unread(either: House):
    """A minimum that does not stop a person's wish is not computed for what cannot be read."""
    ids = [await recorded(either, f"call-{number}", at=ago(hours=9 - number)) for number in range(3)]
    business = kept("kim", match=KIM, minimum="P1Y", minimum_ground="business")
    await set_retention(either, business, kept("rest", period="P9Y"))
    await damaged(either, ids[0], "sealed_details")
    await either.vault.jobs.apply_policies()
    view = await ask(either)
    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert {await either.state(one) for one in ids} == {State.ERASED}


async def test_what_a_law_may_keep_waits_alone(either: House, caplog: pytest.LogCaptureFixture):
    """Its class is unknown while it is damaged: the others are erased, one of the same call too."""
    ids = [await recorded(either, f"call-{number}", at=ago(hours=9 - number)) for number in range(2)]
    ids.append((await either.announce("rec-same", call_ref="call-0")).recording_id)
    await either.settle(ids[2])
    await set_retention(either, kept("law", match=KIM, **LAW), kept("rest", period="P9Y"))
    repair = await damaged(either, ids[0], "sealed_details")
    await either.vault.jobs.apply_policies()
    view = await ask(either)
    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id, rounds=5) is RequestState.EXECUTING
    states = [await either.state(one) for one in ids]
    assert states == [State.AVAILABLE, State.ERASED, State.ERASED]
    assert put_off(caplog) == {(ids[0], "Busy")}
    await either.set(ids[0], **repair)
    await either.vault.jobs.apply_policies()
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert await either.state(ids[0]) is State.ERASED


async def test_a_request_that_only_waits_for_a_damaged_recording_is_tried_less_and_less(house: House):
    """What is put off is no progress."""
    recording_id = await recorded(house, "call-1")
    await damaged(house, recording_id, "wrapped_key")
    view = await ask(house, asks("restriction"))
    await decide(house, view.request.id, "restricted")
    await carried_out(house, view.request.id, rounds=4)
    (tries,) = await house.database.read(
        lambda tx: [one.tries for one in tx.requests.executing(ago(days=-1), limit=9)]
    )
    assert tries == 4


async def test_a_legal_minimum_that_is_known_needs_no_facts(either: House):
    """It was computed before the damage: the receipt says that the law keeps the recording, without the statute."""
    recording_id = await recorded(either, "call-1", agent="Kim")
    await set_retention(either, kept(match=KIM, **LAW))
    await either.vault.jobs.apply_policies()
    await damaged(either, recording_id, "sealed_details")
    view = await ask(either)
    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.DENIED
    (shown,) = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    assert (shown["outcome"], shown["statute"]) == ("kept_legal_obligation", None)


@pytest.mark.parametrize("kind", ["restriction", "rectification"])
async def test_the_others_are_restricted_and_corrected(
    either: House, kind: str, caplog: pytest.LogCaptureFixture
):
    """Both need the key of that recording alone, not of its call's; the damaged one is done once it is repaired."""
    caplog.set_level(logging.WARNING)
    ids = [await recorded(either, f"call-{number}", at=ago(hours=9 - number)) for number in range(2)]
    ids.append((await either.announce("rec-same", call_ref="call-0")).recording_id)
    await either.settle(ids[2])
    repair = await damaged(either, ids[0], "wrapped_key")
    view = await ask(either, asks(kind, wish="My name is Kim."))
    await decide(either, view.request.id, "restricted" if kind == "restriction" else "noted")
    assert await carried_out(either, view.request.id, rounds=4) is RequestState.EXECUTING

    async def done() -> list[int]:
        entries = [
            await either.database.read(lambda tx, one=one: tx.evidence.of_recording(one)) for one in ids
        ]
        return [len(one) for one in entries]

    before = await done()
    assert before[0] == before[1] - 1 == before[2] - 1
    assert put_off(caplog) == {(ids[0], "Tampered")}
    await either.set(ids[0], **repair)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert await done() == [before[1]] * 3


async def test_a_decision_to_provide_names_what_cannot_be_read(either: House):
    """It is not a 500; with provided_whole the package has the others, and the damaged one is left out."""
    ids = [
        await stereo_call(either, f"call-{number}", caller=PERSON, callee=OTHER, at=ago(hours=9 - number))
        for number in range(2)
    ]
    await damaged(either, ids[0], "sealed_details")
    view = await ask(either, asks("access"))
    with pytest.raises(Refused, match=ids[0]) as refused:
        await decide(either, view.request.id, "provided")
    assert refused.value.reasons == ("review_needed",)
    assert ids[1] not in str(refused.value)
    await decide(either, view.request.id, "provided", verdicts={ids[0]: Verdict(code="provided_whole")})
    assert await carried_out(either, view.request.id) is RequestState.PARTLY_FULFILLED
    names = (await package(either, view.request.id)).namelist()
    assert f"recordings/{ids[1]}/audio.wav" in names
    assert f"recordings/{ids[0]}/audio.wav" not in names


@pytest.mark.parametrize("by", ["request", "closure"])
async def test_an_answer_that_cannot_be_read_stops_no_erasure(either: House, by: str):
    """It may be a refusal, so it stays; the closure of an account deletes it, with what it could apply to."""
    recording_id = await recorded(either, "call-1")
    await call(either, "call-2")
    for ref in ("call-1", "call-2"):
        await tell(either, "accepted", call=ref)
    damage = update(consent_events).values(sealed_event=DAMAGE)
    await either.database.write(lambda tx: tx.connection.execute(damage) and None)
    if by == "closure":
        await closing(either)
        assert await work(either) is RequestState.FULFILLED
    else:
        view = await ask(either)
        await decide(either, view.request.id)
        assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    assert await either.state(recording_id) is State.ERASED
    left = await either.database.read(lambda tx: tx.consents.calls(either.account.id, after="", limit=9))
    assert left == ([] if by == "closure" else ["call-1", "call-2"])
