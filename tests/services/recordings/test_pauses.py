"""The recording of a call is paused while somebody says a card number: what the provider answered is what counts."""

import json
import secrets
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from tests.fakes.provider import API
from tests.support.parties import ME
from tests.support.service_house import LONG_AGO, House
from tests.support.tenant import moment
from vault.database.schema.card_data import recording_pauses
from vault.domain.calls.call import CallFacts
from vault.domain.calls.provider_api import Delivery, RestReply, RestRequest
from vault.domain.recordings.pause import MAX_PAUSES
from vault.errors import FetchFailed, NotFound, Refused
from vault.services.accounts.connections import ConnectionRequest
from vault.services.audit_log.access_log import EventFilter
from vault.telephony.signatures.standard_webhooks import sign

CALL = "call-9"
PAUSE, RESUME = ("POST", f"{API}/{CALL}/pause"), ("POST", f"{API}/{CALL}/resume")
DONE, FAILED = RestReply(status=204, body=b""), RestReply(status=400, body=b"")


def service(house: House):
    return house.vault.recordings.calls.pauses


async def begin(house: House) -> None:
    """Tell of a call that goes on, by a provider that takes commands."""
    wish = ConnectionRequest(provider="fake", credentials={"secret": house.secret})
    connection, _, _ = await house.vault.accounts.connections.set(house.account.id, "other", wish, **ME)
    now = datetime.now(UTC)
    data = {"call_ref": CALL, "direction": "inbound", "from": "+12025550100", "started_at": moment(now)}
    body = json.dumps({"type": "call.started", "timestamp": moment(now), "data": data}).encode()
    signed = sign(house.secret, delivery_id=secrets.token_hex(8), sent_at=now, body=body)
    delivery = Delivery(method="POST", url="https://v.example/", headers=signed, body=body, received_at=now)
    await house.vault.ingest.webhooks.receive("fake", connection.id, delivery)


async def pause(house: House):
    return await service(house).pause(house.account.id, CALL, reason="card", **ME)


async def later(house: House, **values: object) -> None:
    """Let the worker look at each pause that it still has to look at, until there is none."""
    waits = update(recording_pauses).where(recording_pauses.c.not_before.is_not(None))
    due = waits.values(not_before=LONG_AGO, **values)
    for _ in range(12):
        await house.database.write(lambda tx: tx.connection.execute(due) and None)
        if not await service(house).step():
            return


async def only(house: House):
    (found,) = await service(house).of_call(house.account.id, CALL)
    return found


async def results(house: House) -> list[tuple[str, str | None, str]]:
    """Return what the log says of pauses, oldest first: type, result, actor."""
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    kinds = ("recording.paused", "recording.resumed")
    events = [one.event for one, _ in page.items if one.event.type in kinds]
    return sorted((one.type, one.result, one.actor) for one in events)


async def test_the_provider_is_asked_at_once_and_its_answer_is_kept(house: House):
    """Paused, and again while it is paused: nobody is asked twice; then it goes on, and again changes nothing."""
    await begin(house)
    house.rest.answer(*PAUSE, DONE)
    house.rest.answer(*RESUME, DONE)
    paused = await pause(house)
    assert (paused.answer, paused.ended_at) == ("paused", None)
    assert await pause(house) == paused
    ended = await service(house).end(house.account.id, CALL, paused.id, **ME)
    assert (ended.end_cause, ended.end_answer, ended.ended_by) == ("asked", "resumed", ME["actor"])
    assert await service(house).end(house.account.id, CALL, paused.id, **ME) == ended
    await later(house)
    assert (house.rest.asked.count(PAUSE), house.rest.asked.count(RESUME)) == (1, 1)
    assert await results(house) == [
        ("recording.paused", "paused", ME["actor"]), ("recording.resumed", "resumed", ME["actor"]),
    ]  # fmt: skip


async def test_a_forgotten_pause_ends_by_itself(house: House):
    """After its time, and not before: the provider is asked to go on, and the log says that it was forgotten."""
    await begin(house)
    house.rest.answer(*PAUSE, DONE)
    house.rest.answer(*RESUME, DONE)
    await pause(house)
    assert not await service(house).step()
    await later(house, expires_at=LONG_AGO)
    found = await only(house)
    assert (found.end_cause, found.ended_by, found.end_answer) == ("expired", "worker", "resumed")
    assert ("recording.resumed", "expired", "worker") in await results(house)


@pytest.mark.parametrize("reply", [FAILED, FetchFailed("no answer")], ids=["400", "nobody"])
async def test_a_provider_that_does_not_pause_is_asked_again_and_said_so(
    house: House, reply: RestReply | FetchFailed
):
    """The first answer says that nobody knows yet; after five requests, that it was not paused."""
    await begin(house)
    house.rest.answer(*PAUSE, reply)
    house.rest.answer(*RESUME, reply)
    assert (await pause(house)).answer is None
    await later(house)
    assert house.rest.asked.count(PAUSE) == 5
    found = await only(house)
    assert (found.answer, found.end_cause, found.end_answer) == ("not_paused", None, None)
    await later(house, expires_at=LONG_AGO)
    assert house.rest.asked.count(RESUME) == 5
    assert (await only(house)).end_answer == "not_resumed"
    assert {result for _, result, _ in await results(house)} == {"not_paused", "not_resumed"}


async def test_who_ends_a_pause_that_nobody_answered_asks_for_no_pause_any_more(house: House):
    """The repetition asks for what is wanted now."""
    await begin(house)
    house.rest.answer(*PAUSE, FAILED)
    house.rest.answer(*RESUME, FAILED, DONE)
    paused = await pause(house)
    await service(house).end(house.account.id, CALL, paused.id, **ME)
    await later(house)
    assert (house.rest.asked.count(PAUSE), house.rest.asked.count(RESUME)) == (1, 2)
    assert (await only(house)).end_answer == "resumed"


async def test_a_call_without_a_provider_says_that_nobody_can_be_asked(house: House):
    """It was reported by REST: the pause is on record, and its answer is impossible."""
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref=CALL, direction="inbound"))
    paused = await pause(house)
    ended = await service(house).end(house.account.id, CALL, paused.id, **ME)
    assert (paused.answer, ended.end_answer) == ("impossible", "impossible")


async def test_what_does_not_exist_is_not_found(house: House):
    """A call that nobody reported, another pause, another account's; and a call has no pause without end."""
    with pytest.raises(NotFound):
        await pause(house)
    await begin(house)
    house.rest.answer(*PAUSE, DONE)
    house.rest.answer(*RESUME, DONE)
    paused = await pause(house)
    for account_id, call_ref, pause_id in (
        ("acct_other", CALL, paused.id), (house.account.id, "call-8", paused.id), (house.account.id, CALL, "pse_0"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await service(house).end(account_id, call_ref, pause_id, **ME)
    assert (await only(house)).ended_at is None
    await service(house).end(house.account.id, CALL, paused.id, **ME)
    for _ in range(MAX_PAUSES - 1):
        await service(house).end(house.account.id, CALL, (await pause(house)).id, **ME)
    with pytest.raises(Refused) as refused:
        await pause(house)
    assert refused.value.reasons == ("too_many_pauses",)


async def test_pauses_go_with_the_facts_of_their_call(house: House):
    """Erased with the call, also while one goes on: the worker finds nothing to do."""
    await begin(house)
    house.rest.answer(*PAUSE, DONE)
    await pause(house)
    await house.vault.recordings.calls.erase(house.account.id, CALL, **ME)
    assert await service(house).of_call(house.account.id, CALL) == []
    await later(house)
    assert house.rest.asked.count(RESUME) == 0


async def test_a_pause_that_ends_while_the_provider_is_asked(house: House, monkeypatch: pytest.MonkeyPatch):
    """The late answer does not say that it is paused now: the provider is asked to go on once more."""
    await begin(house)
    house.rest.answer(*PAUSE, DONE)
    house.rest.answer(*RESUME, FAILED, DONE)
    send = house.rest.send

    async def slow(request: RestRequest) -> RestReply:
        if request.url == PAUSE[1]:
            await service(house).end(house.account.id, CALL, (await only(house)).id, **ME)
        return await send(request)

    monkeypatch.setattr(house.rest, "send", slow)
    assert (await pause(house)).ended_at is not None
    await later(house)
    found = await only(house)
    assert (found.answer, found.end_answer, house.rest.asked.count(RESUME)) == (None, "resumed", 2)
    assert [result for _, result, _ in await results(house)] == ["resumed"]
