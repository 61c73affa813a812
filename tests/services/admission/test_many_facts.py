"""A replayed delivery adds nothing, and a call has only so many facts.

A call has only so many consent events, and none of them crowds out a no.
"""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.parties import (
    CALLEE,
    CALLER,
    ME,
    announced,
    causes,
    grounds,
    let_in,
    lift,
    set_policy,
    tell,
    through_the_gate,
)
from tests.support.service_house import House
from tests.support.tenant import moment
from vault.database.stores.consent.consent import ConsentRow
from vault.domain.calls.call import CallFacts, WebhookContent
from vault.domain.calls.provider_api import Delivery
from vault.domain.consent.call_claims import MAX_FACTS
from vault.domain.consent.consent_event import Answer, ConsentEvent, Party
from vault.domain.ids import new_id
from vault.domain.recordings.recording import State
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.sealed_records import encode_event
from vault.errors import Refused
from vault.sealing.message import seal
from vault.services.consent.record_consent import MAX_EVENTS
from vault.services.ingest.receive_webhook import Receipt, Webhooks
from vault.telephony.providers.standard_webhooks.adapter import Platform
from vault.telephony.signatures.standard_webhooks import sign


class Nameless(Platform):
    """A platform whose deliveries have no id that anyone signed."""

    def understand(self, delivery: Delivery) -> WebhookContent | None:
        """Forget the id."""
        heard = Platform.understand(self, delivery)
        return None if heard is None else replace(heard, delivery_id=None)


def event(agent: str) -> bytes:
    """Return an event of a call."""
    data = {"call_ref": "call-1", "direction": "inbound", "from": CALLER, "to": CALLEE, "agent": agent}
    return json.dumps({"type": "call.started", "timestamp": moment(datetime.now(UTC)), "data": data}).encode()


async def send(house: House, webhooks: Webhooks, body: bytes, delivery_id: str) -> Receipt:
    """Send a webhook; its id is new each time, as a header is that nobody signed."""
    now = datetime.now(UTC)
    headers = sign(house.secret, delivery_id=delivery_id, sent_at=now, body=body)
    delivery = Delivery(
        method="POST", url="https://vault.example/", headers=headers, body=body, received_at=now
    )
    return await webhooks.receive("platform", house.connection_id, delivery)


async def facts_of(house: House, call_ref: str = "call-1") -> int:
    """Return how many facts are kept of a call."""
    return len(await house.database.read(lambda tx: tx.call_facts.of_call(house.account.id, call_ref)))


async def fill(house: House, call_ref: str = "call-1", **more: Any) -> None:
    """Say as many different things of a call as are kept."""
    store_facts, common = (
        house.vault.recordings.calls.call_start.store_facts,
        {"direction": "inbound", "caller": CALLER},
    )
    said = [CallFacts(call_ref=call_ref, agent=f"agent {n}", **common, **more) for n in range(MAX_FACTS)]
    await asyncio.gather(
        *(store_facts(house.account.id, facts, delivery=f"fact {n}") for n, facts in enumerate(said))
    )


async def test_a_replay_without_an_id_of_its_own_is_one_row(house: House):
    """The hash of its body is its id; another body is another fact."""
    webhooks = replace(house.vault.ingest.webhooks, providers={"platform": Nameless()})
    first = event("Ada")
    said = [(await send(house, webhooks, first, f"id-{number}")).status for number in range(10)]
    assert said == ["noted"] + ["duplicate"] * 9
    assert (await send(house, webhooks, event("Bob"), "id-0")).status == "noted"
    assert await facts_of(house) == 2


async def test_announcements_that_say_the_same_are_one_fact(house: House):
    """Ten recordings of a call, and each of them announced twice."""
    for number in [*range(10), *range(10)]:
        await house.announce(f"rec-{number}", **{"from": CALLER, "to": CALLEE})
    assert await facts_of(house) == 1


async def test_a_fact_too_many_is_refused_and_the_call_kept_apart(house: House):
    """What may name a number that objects is not kept, so nothing of the call becomes available by itself."""
    await fill(house)
    objecting = "+14155550199"
    await house.vault.consent.objections.enter(house.account.id, objecting, reason=None, **ME)
    late = CallFacts(call_ref="call-1", caller=objecting)
    with pytest.raises(Refused, match="Delete the call") as error:
        await house.vault.recordings.calls.start(house.account.id, late)
    assert error.value.reasons == ("too_many_facts",)
    with pytest.raises(Refused):
        await send(house, house.vault.ingest.webhooks, event("one more"), "id-1")
    # What was delivered before may be delivered again.
    store_facts = house.vault.recordings.calls.call_start.store_facts
    assert (await store_facts(house.account.id, late, delivery="fact 0")).row_id is None
    assert await facts_of(house) == MAX_FACTS
    recording_id = await announced(house)
    assert await through_the_gate(house, recording_id) is State.QUARANTINED
    assert "too_many_facts" in await grounds(house, recording_id)
    # A recording whose own announcement names the number is refused all the same.
    own = await house.announce("rec-2", **{"from": objecting, "to": CALLEE})
    assert own.status == "refused"
    released = await house.vault.recordings.quarantine.release(
        house.account.id, recording_id, reason="I listened", **ME
    )
    assert released.verdict == "allow"
    other = CallFacts(call_ref="call-2", caller=CALLER)
    assert (await house.vault.recordings.calls.start(house.account.id, other)).decision.verdict == "allow"


async def fill_with_events(house: House, answer: Answer, *, party: Party = "caller") -> None:
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
    await fill_with_events(house, "announced")
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
    await fill_with_events(house, "announced")
    recording_id = await announced(house)
    await tell(house, "declined")
    assert await house.state(recording_id) is State.REFUSED
    assert await through_the_gate(house, await announced(house, "rec-2")) is State.REFUSED


async def test_a_thousand_noes_still_stand(house: House):
    """One more is refused, and nothing of the call is recorded before it and after."""
    await fill_with_events(house, "declined")
    with pytest.raises(Refused, match="objections"):
        await tell(house, "declined", method="form")
    await tell(house, "announced")
    assert (await house.announce("rec-1")).status == "refused"


async def test_the_noes_of_one_party_leave_room_for_those_of_another(house: House):
    """The caller declined as often as a call stores it: the callee's no is stored, and so is a withdrawal."""
    await fill_with_events(house, "declined")
    await tell(house, "declined", party="callee")
    await tell(house, "withdrawn")


async def test_a_party_that_agreed_again_can_say_no_again(either: House):
    """However many refusals others have reported. Wrong: only the first no of a party is stored past the max."""
    await set_policy(either)
    recording_id = await let_in(either)
    await fill_with_events(either, "declined", party="agent")
    await tell(either, "accepted", party="agent", method="form")
    for answer in ("declined", "withdrawn", "declined", "withdrawn"):
        decision = await tell(either, answer)
        assert await causes(either, recording_id) == ["caller"]
        # One reason for each answer of a party, not one for each event.
        assert len(decision.reasons) < 20
        await tell(either, "accepted", method="form")
        await lift(either, recording_id)
