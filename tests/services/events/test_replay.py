"""Events that are sent again: with the same ids, as they stand now, none twice at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.events.receiving import ME, A, B, available, bodies, endpoint, erased, publish, told
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from vault.database.schema.events import outward_events
from vault.database.schema.outbox import outbox_attempts, outbox_messages
from vault.domain.outbox.attempt import Answer
from vault.errors import Invalid, NotFound, Refused
from vault.services.events import replay_events
from vault.services.events.endpoints import EndpointChange
from vault.services.events.replay_events import ReplayWanted


async def replay(house: House, endpoint_id: str, **wanted: Any) -> int:
    """Send events again."""
    return await house.vault.events.deliveries.replay(
        house.account.id, endpoint_id, ReplayWanted(**wanted), actor="key_test"
    )


async def sent_again(house: House, url: str = A) -> list[dict[str, Any]]:
    """Send what waits; return what the receiver got by it."""
    before = len(bodies(house, url))
    await send_due(house)
    found = [one for one in house.outside.sent if one.url == url][before:]
    house.outside.sent[:] = [one for one in house.outside.sent if one not in found]
    again = bodies(house, url)
    house.outside.sent.extend(found)
    whole = bodies(house, url)
    for one in again:
        whole.remove(one)
    return whole


async def test_what_is_sent_again_has_its_id_and_its_number(either: House, monkeypatch: pytest.MonkeyPatch):
    """All since a number, one, or those of a time; in batches; and the log says that somebody wanted it."""
    monkeypatch.setattr(replay_events, "_BATCH_SIZE", 2)
    made = (await endpoint(either)).view.endpoint.id
    for number in range(5):
        await available(either, f"rec-{number}")
    first = await told(either)
    assert await replay(either, made, after=first[1]["sequence"]) == 3
    assert await sent_again(either) == first[2:]
    assert await replay(either, made, event=first[0]["id"]) == 1
    assert await sent_again(either) == first[:1]
    since, until = (datetime.fromisoformat(first[number]["timestamp"]) for number in (1, 3))
    within = [one for one in first if since <= datetime.fromisoformat(one["timestamp"]) < until]
    assert await replay(either, made, since=since, until=until) == len(within)
    assert await sent_again(either) == within
    assert await replay(either, made, since=since - timedelta(days=2)) == 5
    await publish(either)
    log = await either.database.read(
        lambda tx: tx.events.page(either.account.id, recording_id=None, start=0, limit=500)
    )
    noted = [one.event for one in log if one.event.type == "event_endpoint.replayed"]
    assert [(one.actor, one.result) for one in noted] == [("key_test", made)] * 4


async def test_what_was_erased_since_says_so(either: House):
    """A replay over it sends its ids alone, and that it is superseded."""
    made = (await endpoint(either)).view.endpoint.id
    recording_id = await available(either)
    (before,) = await told(either)
    await erased(either, recording_id)
    await told(either)
    assert await replay(either, made, event=before["id"]) == 1
    (again,) = await sent_again(either)
    assert again == before | {"superseded": True}
    assert again["data"] == {"account": either.account.id, "recording": recording_id}


async def test_an_event_that_waits_is_not_doubled(either: House):
    """It is sent once; its attempts are numbered on, and the wait after a failure begins again."""
    made = (await endpoint(either)).view.endpoint.id
    await available(either)
    either.outside.answer(A, Answer(status=500), Answer(status=500), Answer(status=204))
    await told(either)
    assert await replay(either, made, after=0) == 0
    for _ in range(2):
        await let_time_come(either)
        await send_due(either)
    either.outside.answer(A, Answer(status=500), Answer(status=204))
    assert await replay(either, made, after=0) == 1
    assert await replay(either, made, after=0) == 0
    await send_due(either)
    query = outbox_messages.select()
    (waiting,) = await either.database.read(lambda tx: tx.connection.execute(query).all())
    assert (waiting.attempts, waiting.attempts_before) == (1, 3)
    await let_time_come(either)
    await send_due(either)
    order = outbox_attempts.select().order_by(outbox_attempts.c.number)
    noted = await either.database.read(lambda tx: tx.connection.execute(order).all())
    assert [(one.number, one.status) for one in noted] == [(1, 500), (2, 500), (3, 204), (4, 500), (5, 204)]


async def test_an_endpoint_gets_again_what_its_types_name(either: House):
    """Also what happened before it. What is no event of the last 30 days, or no way to name some, is refused."""
    await endpoint(either, A)
    made = (await endpoint(either, B, ["recording.erased"])).view.endpoint.id
    await erased(either, await available(either))
    every = await told(either)
    await told(either, B)
    assert await replay(either, made, after=0) == 1
    assert [one["type"] for one in await sent_again(either, B)] == ["recording.erased"]
    late = (await endpoint(either, "https://c.example/hook")).view.endpoint.id
    assert await replay(either, late, after=0) == len(every)
    for wanted, field in (
        ({"event": every[0]["id"]}, "event"), ({"after": every[-1]["sequence"] + 1}, "after"), ({}, "event"),
        ({"event": "evt_1", "after": 1}, "after"), ({"until": datetime.now(UTC)}, "until"),
        ({"since": datetime.now(UTC), "until": datetime.now(UTC) - timedelta(1)}, "until"),
        ({"event": "evt_1", "since": datetime.now(UTC)}, "from"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            await replay(either, made, **wanted)
        assert refused.value.field == field
    with pytest.raises(NotFound) as unknown:
        await replay(either, made, event="evt_1")
    assert unknown.value.field == "event"
    await either.database.write(lambda tx: tx.connection.execute(outward_events.delete()) and None)
    assert await replay(either, late, after=0) == 0


async def test_who_is_off_or_another_account_gets_nothing_again(either: House):
    """A change of the endpoint switches it on."""
    made = (await endpoint(either)).view.endpoint.id
    either.outside.answer(A, Answer(status=410))
    await available(either)
    await told(either)
    with pytest.raises(Refused, match="PATCH") as refused:
        await replay(either, made, after=0)
    assert list(refused.value.reasons) == ["endpoint_disabled"]
    await either.vault.events.endpoints.change(either.account.id, made, EndpointChange(), **ME)
    either.outside.answer(A, Answer(status=204))
    await publish(either)
    assert await replay(either, made, after=0) >= 1
    other, _ = await either.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    with pytest.raises(NotFound):
        await either.vault.events.deliveries.replay(other.id, made, ReplayWanted(after=0), actor="key_test")
