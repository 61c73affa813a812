"""Case 20: what a hold keeps from a person's erasure stands restricted in the system, and goes with its end."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from tests.fakes.crm import NotebookPeer
from tests.support.handing import ANN, CUSTOMER, ME, activate, call, hand_over, states
from tests.support.retention import place, release
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.requests.request import Identity, PersonalData, RequestState, Verdict, Verification
from vault.services.requests.new_request import NewRequest
from vault.services.requests.ruling_request import RulingRequest


async def test_case_20_a_hold_against_an_erasure(either: House, peer: NotebookPeer):
    """The record says that it is restricted, and nothing of the call, until the hold ends; then it is removed."""
    peer.contacts = [ANN]
    await activate(either)
    recording_id = await call(either)
    await hand_over(either)
    (before,) = peer.records.values()
    assert CUSTOMER in before["text"]
    held = await place(either, recordings=[recording_id])
    assert await _asks_for_erasure(either) is RequestState.WAITS_FOR_HOLD
    await hand_over(either, rounds=2)
    assert await states(either) == ["restricted"]
    (during,) = peer.records.values()
    assert during["text"].startswith("restricted ")
    assert CUSTOMER not in during["text"]
    assert "DELETE /records/r1" not in peer.requests
    await release(either, held.hold.id, at_once=True)
    for _ in range(2):
        await either.vault.jobs.retention_sweep()
    await hand_over(either, rounds=2)
    assert (await states(either), peer.records) == (["absent"], {})


async def _asks_for_erasure(house: House) -> RequestState:
    """Carry out a request of the customer, decided on without exceptions; return how it ended."""
    verbs, received = (
        house.vault.requests.requests,
        datetime.now(UTC).replace(microsecond=0) - timedelta(days=1),
    )
    who = PersonalData(
        reference="ticket 1",
        identities=(Identity(type="number", value=CUSTOMER, region=None),),
        period=None,
        wish=None,
        verification=Verification(method="callback", at=received, by="key_test"),
    )
    new = NewRequest(kind="erasure", regime="gdpr", received_at=received, personal=who)
    asked, _ = await verbs.receive(house.account.id, new, **ME)
    wanted = RulingRequest(
        default=Verdict(code="erased", statute=None), verdicts={}, reason=None, period=None, whole_time=False,
        informed={},
    )  # fmt: skip
    await verbs.decide(house.account.id, asked.request.id, wanted, **ME)
    query = update(person_requests).values(next_try_at=None)
    for _ in range(5):
        await house.database.write(lambda tx: tx.connection.execute(query) and None)
        await house.vault.jobs.execute_requests()
        await house.vault.jobs.log_publisher.sequence()
    return (await verbs.read(house.account.id, asked.request.id)).request.state
