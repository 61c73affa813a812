"""Each kind of request has its own effect, and what is kept is kept for a reason that the person is told."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.services.requests.people import (
    ACTOR,
    ago,
    ask,
    asks,
    call,
    carried_out,
    decide,
    receipt,
    recorded,
)
from tests.support.parties import tell
from tests.support.retention import kept as kept_class
from tests.support.retention import place, release, set_retention
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState, Verdict
from vault.errors import Invalid, NotFound, Refused
from vault.rfc3339 import write_rfc3339
from vault.services.requests.decided import read_decided
from vault.services.requests.progress import Part
from vault.tlog.receipt_file import verify_receipt


async def test_case_11_a_legal_minimum_keeps_and_restricts(pair: House):
    """The refusal names provision, statute and date; the other recording is erased; the receipt has both."""
    kept, gone = await recorded(pair, "call-1"), await recorded(pair, "call-2")
    view = await ask(pair)
    until = datetime(2031, 5, 4, tzinfo=UTC)
    duty = Verdict(code="kept_legal_obligation", statute="MiFID II art. 16(7)", until=until)
    await decide(pair, view.request.id, verdicts={kept: duty}, reason="We are obliged to keep it.")
    assert await carried_out(pair, view.request.id) is RequestState.PARTLY_FULFILLED
    assert (await pair.row(kept)).restricted
    assert await pair.state(kept) is State.AVAILABLE
    assert await pair.state(gone) is State.ERASED
    statement = verify_receipt(await receipt(pair, view.request.id)).statement
    shown = {one["id"]: one for one in statement["recordings"]}
    assert shown[kept]["ground"] == "GDPR art. 17(3)(b)"
    assert shown[kept]["statute"] == "MiFID II art. 16(7)"
    assert shown[kept]["until"] == "2031-05-04T00:00:00.000Z"
    assert shown[gone]["outcome"] == "erased"


async def test_a_legal_minimum_of_the_policy_is_named_with_statute_and_end(either: House):
    """The account decided to erase; its own policy forbids it, which the worker finds, recording by recording."""
    law = {"minimum": "P5Y", "minimum_ground": "legal_obligation", "statute": "MiFID II art. 16(7)"}
    await set_retention(either, kept_class(**law))
    kept = [await recorded(either, "call-1"), await recorded(either, "call-2", at=ago(days=2))]
    await either.vault.jobs.apply_policies()
    view = await ask(either)
    await decide(either, view.request.id)
    assert await carried_out(either, view.request.id) is RequestState.DENIED
    shown = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    ends = [
        (await either.vault.retention.recordings(either.account.id, one)).terms.legal_until for one in kept
    ]
    assert ends[0] != ends[1]
    assert {one["id"]: (one["outcome"], one["statute"], one["until"]) for one in shown} == {
        one: ("kept_legal_obligation", "MiFID II art. 16(7)", write_rfc3339(end))
        for one, end in zip(kept, ends, strict=True)
        if end is not None
    }


async def test_a_hold_keeps_what_was_to_be_erased(house: House):
    """The recording is restricted, the receipt says why, and it is erased once the hold's grace has passed."""
    kept = await recorded(house, "call-1")
    held = await place(house, recordings=[kept])
    view = await ask(house)
    await decide(house, view.request.id)
    assert await carried_out(house, view.request.id) is RequestState.WAITS_FOR_HOLD
    assert await house.state(kept) is State.AVAILABLE
    assert (await house.row(kept)).restricted
    (one,) = verify_receipt(await receipt(house, view.request.id)).statement["recordings"]
    assert (one["outcome"], one["ground"]) == ("waits_for_hold", "GDPR art. 17(3)(e)")
    await house.vault.jobs.retention_sweep()
    assert await house.state(kept) is State.AVAILABLE
    await release(house, held.hold.id, at_once=True)
    await house.vault.jobs.retention_sweep()
    assert await house.state(kept) is State.ERASING


async def test_what_is_kept_is_saved_once_for_all_recordings(either: House):
    """A request can have 10,000 recordings: a save for each of them would write it 10,000 times."""
    revisions = []
    for number, recordings in enumerate((1, 4)):
        person = f"+1415555019{number}"
        kept = [await recorded(either, f"call-{number}-{one}", caller=person) for one in range(recordings)]
        await place(either, recordings=kept)
        view = await ask(either, asks(reference=f"ticket {number}", numbers=((person, None),)))
        await decide(either, view.request.id)
        assert await carried_out(either, view.request.id) is RequestState.WAITS_FOR_HOLD
        assert all([(await either.row(one)).restricted for one in kept])
        revisions.append(
            (await either.vault.requests.requests.read(either.account.id, view.request.id)).request.revision
        )
    assert revisions[0] == revisions[1]


async def test_a_hold_on_one_recording_of_a_call_keeps_that_one_alone(house: House):
    """The other one is erased, and the call's facts stay as long as one recording is left."""
    kept = await recorded(house, "call-1")
    gone = (await house.announce("rec-2", call_ref="call-1")).recording_id
    await house.settle(gone)
    await place(house, recordings=[kept])
    view = await ask(house)
    await decide(house, view.request.id)
    assert await carried_out(house, view.request.id) is RequestState.PARTLY_FULFILLED
    assert await house.state(kept) is State.AVAILABLE
    assert await house.state(gone) is State.ERASED
    assert await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, "call-1"))


async def test_case_12_a_business_minimum_does_not_stop_a_person(pair: House):
    """The account only likes to keep it, so the request goes through, where a plain deletion is refused."""
    recording_id = await recorded(pair, "call-1")
    await set_retention(pair, kept_class(minimum="P1Y", minimum_ground="business"))
    await pair.vault.jobs.apply_policies()
    with pytest.raises(Refused):
        await pair.vault.recordings.recordings.erase(pair.account.id, recording_id, actor=ACTOR)
    view = await ask(pair)
    await decide(pair, view.request.id)
    assert await carried_out(pair, view.request.id) is RequestState.FULFILLED
    assert await pair.state(recording_id) is State.ERASED


async def test_case_38_a_restriction_is_lifted_only_after_the_person_was_told(either: House):
    """Without told_at it is refused, with the field; a moment in the future tells nobody."""
    recording_id = await recorded(either, "call-1")
    view = await ask(either, asks("restriction"))
    await decide(either, view.request.id, "restricted")
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    restrict, names = either.vault.recordings.recordings.restrict, (either.account.id, recording_id)
    for told_at in (None, datetime.now(UTC) + timedelta(days=1)):
        with pytest.raises(Invalid) as untold:
            await restrict(*names, restricted=False, reason=None, actor=ACTOR, told_at=told_at)
        assert untold.value.field == "told_at"
    assert (await either.row(recording_id)).restricted
    await restrict(*names, restricted=False, reason=None, actor=ACTOR, told_at=ago(minutes=1))
    assert not (await either.row(recording_id)).restricted
    # A restriction of the account's own needs nobody to be told.
    await restrict(*names, restricted=True, reason="own", actor=ACTOR)
    await restrict(*names, restricted=False, reason=None, actor=ACTOR)


async def test_a_rectification_adds_the_persons_words_once(house: House):
    """A recording is not edited: the statement is an entry of its evidence, also after a repetition."""
    recording_id = await recorded(house, "call-1")
    with pytest.raises(Invalid, match="wish must have"):
        await ask(house, asks("rectification"))
    view = await ask(house, asks("rectification", wish="I said the fifth of May, not the fourth."))
    await decide(house, view.request.id, "noted")
    job = house.vault.jobs.execute_requests
    (row,) = await house.database.read(lambda tx: tx.requests.executing(tx.now(), limit=9))
    request = await job.sealed.open(row)
    decided = await house.database.read(lambda tx: read_decided(tx, request))
    assert await job._add_statement(request, decided) == (request, Part())
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    read = await house.vault.consent.records.read_evidence(house.account.id, recording_id, actor=ACTOR)
    added = [entry.content for entry in read.chain if entry.content["kind"] == "rectification"]
    assert [entry["statement"] for entry in added] == ["I said the fifth of May, not the fourth."]


async def test_a_rectification_waits_for_what_is_in_flight(either: House):
    """The statement is added once it is stored; what is refused has no content to correct, and the receipt says so."""
    await call(either, "call-1")
    recording_id = (await either.announce("rec-1", call_ref="call-1")).recording_id
    await call(either, "call-2")
    refused = (
        await either.announce("rec-2", url="https://media.example/2.wav", call_ref="call-2")
    ).recording_id
    view = await ask(either, asks("rectification", wish="The fifth of May."))
    await decide(either, view.request.id, "noted")
    assert await carried_out(either, view.request.id, rounds=3) is RequestState.EXECUTING
    await tell(either, "declined", call="call-2")
    await either.settle(recording_id)
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    read = await either.vault.consent.records.read_evidence(either.account.id, recording_id, actor=ACTOR)
    assert [one.content["kind"] for one in read.chain].count("rectification") == 1
    shown = verify_receipt(await receipt(either, view.request.id)).statement["recordings"]
    assert {one["id"]: one["outcome"] for one in shown} == {recording_id: "noted", refused: "no_match"}


async def test_a_directive_after_death_erases_for_a_verified_heir(house: House):
    """It has the executor's words, and an unverified one is answered with a refusal."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house, asks("post_mortem", wish="Erase everything.", verified=False))
    with pytest.raises(Refused) as unknown:
        await decide(house, view.request.id)
    assert unknown.value.reasons == ("not_verified",)
    names = (house.account.id, view.request.id)
    await house.vault.requests.requests.verify(*names, "representative", ago(minutes=1), actor=ACTOR)
    await decide(house, view.request.id)
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    assert await house.state(recording_id) is State.ERASED


async def test_a_withdrawn_request_does_nothing(house: House):
    """It is closed immediately, has no receipt, and what was found stays."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house)
    closed = await house.vault.requests.requests.withdraw(house.account.id, view.request.id, actor=ACTOR)
    assert closed.request.state is RequestState.WITHDRAWN
    assert not await house.vault.jobs.execute_requests()
    assert await house.state(recording_id) is State.AVAILABLE
    with pytest.raises(NotFound):
        await house.vault.requests.receipts.read(house.account.id, view.request.id)


async def test_consent_stays_where_it_is_a_refusal(house: House):
    """What a party accepted goes with the call; a no also applies to recordings that arrive later."""
    for ref in ("call-1", "call-2"):
        await call(house, ref)
    await tell(house, "accepted", call="call-1")
    await tell(house, "declined", call="call-2")
    view = await ask(house)
    assert view.found is not None
    assert view.found.summary.consent_events == 2
    await decide(house, view.request.id)
    await carried_out(house, view.request.id)
    left = {
        ref: len(await house.database.read(lambda tx, ref=ref: tx.consents.of_call(house.account.id, ref)))
        for ref in ("call-1", "call-2")
    }
    assert left == {"call-1": 0, "call-2": 1}


async def test_the_content_of_a_request_is_deleted_after_three_years(either: House):
    """The bare row stays; who asked, the receipt and the terms that find the request are gone."""
    view = await ask(either)
    await decide(either, view.request.id)
    await carried_out(either, view.request.id)
    execute = either.vault.jobs.execute_requests
    await execute.forget()
    assert await receipt(either, view.request.id)
    await either.database.write(
        lambda tx: tx.connection.execute(person_requests.update().values(forget_at=ago(days=1))) and None
    )
    await execute.forget()
    shown = await either.vault.requests.requests.read(either.account.id, view.request.id)
    assert shown.request.personal is None
    assert shown.request.state is RequestState.FULFILLED
    with pytest.raises(NotFound, match="retention has ended"):
        await either.vault.requests.receipts.read(either.account.id, view.request.id)
    again = await ask(either)
    assert again.request.repeat_of is None


async def test_a_recording_restricted_before_is_restricted_for_the_person_too(either: House):
    """By the account itself: nobody lifts that without informing the person."""
    recording_id = await recorded(either, "call-1")
    restrict, names = either.vault.recordings.recordings.restrict, (either.account.id, recording_id)
    await restrict(*names, restricted=True, reason="own", actor=ACTOR)
    view = await ask(either, asks("restriction"))
    await decide(either, view.request.id, "restricted")
    assert await carried_out(either, view.request.id) is RequestState.FULFILLED
    await restrict(*names, restricted=True, reason="again", actor=ACTOR)
    assert (await either.events(recording_id)).count("recording.restricted") == 2
    with pytest.raises(Invalid):
        await restrict(*names, restricted=False, reason=None, actor=ACTOR)
    await restrict(*names, restricted=False, reason=None, actor=ACTOR, told_at=ago(minutes=1))
    assert not (await either.row(recording_id)).restricted
