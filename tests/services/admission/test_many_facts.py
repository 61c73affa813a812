"""A replayed delivery adds nothing, and a call has only so many facts."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.parties import CALLEE, CALLER, ME, announced, grounds, through_the_gate
from tests.support.service_house import House
from tests.support.tenant import moment
from vault.domain.calls.call import CallFacts, WebhookContent
from vault.domain.calls.provider_api import Delivery
from vault.domain.consent.call_claims import MAX_FACTS
from vault.domain.recordings.recording import State
from vault.errors import Refused
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
