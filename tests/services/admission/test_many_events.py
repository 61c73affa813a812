"""A call has only so many consent events, and none of them crowds out a no."""

import asyncio
from typing import Any

import pytest

from tests.support.parties import announced, causes, let_in, lift, set_policy, tell, through_the_gate
from tests.support.service_house import House
from vault.database.stores.consent.consent import ConsentRow
from vault.domain.consent.consent_event import Answer, ConsentEvent, Party
from vault.domain.ids import new_id
from vault.domain.recordings.recording import State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_event
from vault.errors import Refused
from vault.sealing.message import seal
from vault.services.consent.record_consent import MAX_EVENTS


async def fill(house: House, answer: Answer, *, party: Party = "caller") -> None:
    """Keep as many events of one call as there may be."""
    known = house.vault.consent.records.record_consent
    key, now = await known.ring.current(house.account.id), known.clock()

    def rows() -> list[ConsentRow]:
        said: dict[str, Any] = {"party": party, "answer": answer, "method": "form", "told_by": "me"}
        events = [ConsentEvent(id=new_id("told"), at=now, heard_at=now, **said) for _ in range(MAX_EVENTS)]
        return [
            ConsentRow(
                id=event.id,
                account_id=house.account.id,
                call_ref="call-1",
                heard_at=now,
                sealed_event=seal(
                    key.key, bound.of_consent_event(house.account.id, event.id), encode_event(event)
                ),
                key_version=key.version,
            )
            for event in events
        ]

    sealed = await asyncio.to_thread(rows)
    await house.database.write(lambda tx: [tx.consents.add(row) for row in sealed] and None)


async def test_an_event_too_many_is_refused_with_the_remedy(house: House):
    """It is not kept, and the call goes on as it was."""
    await fill(house, "announced")
    with pytest.raises(Refused, match=r"1000 consent events.*objections") as error:
        await tell(house, "announced")
    assert error.value.reasons == ("too_many_events",)
    assert (
        len(await house.database.read(lambda tx: tx.consents.of_call(house.account.id, "call-1")))
        == MAX_EVENTS
    )
    # Other calls have events of their own.
    await tell(house, "announced", call="call-2")


async def test_a_no_is_taken_after_any_number_of_events(house: House):
    """What was announced a thousand times is refused all the same."""
    await fill(house, "announced")
    recording_id = await announced(house)
    await tell(house, "declined")
    assert await house.state(recording_id) is State.REFUSED
    assert await through_the_gate(house, await announced(house, "rec-2")) is State.REFUSED


async def test_a_thousand_noes_still_stand(house: House):
    """One more is refused, and nothing of the call is recorded before it and after."""
    await fill(house, "declined")
    with pytest.raises(Refused, match="objections"):
        await tell(house, "declined", method="form")
    await tell(house, "announced")
    assert (await house.announce("rec-1")).status == "refused"


async def test_the_noes_of_one_party_leave_room_for_those_of_another(house: House):
    """The caller declined as often as a call stores it: the callee's no is stored, and so is a withdrawal."""
    await fill(house, "declined")
    await tell(house, "declined", party="callee")
    await tell(house, "withdrawn")


async def test_a_party_that_agreed_again_can_say_no_again(either: House):
    """However many refusals others have reported. Wrong: only the first no of a party is stored past the max."""
    await set_policy(either)
    recording_id = await let_in(either)
    await fill(either, "declined", party="agent")
    await tell(either, "accepted", party="agent", method="form")
    for answer in ("declined", "withdrawn", "declined", "withdrawn"):
        decision = await tell(either, answer)
        assert await causes(either, recording_id) == ["caller"]
        # One reason for each answer of a party, not one for each event.
        assert len(decision.reasons) < 20
        await tell(either, "accepted", method="form")
        await lift(either, recording_id)
