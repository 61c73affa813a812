"""Events for systems that ask for them: the same events, by their numbers, as they stand at the time."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import pytest

from tests.services.events.receiving import ME, available, endpoint, erased, publish, told
from tests.support.service_house import House
from vault.database.schema.events import event_polls, outward_events
from vault.database.stores.events import polls
from vault.database.transaction import Transaction
from vault.errors import Invalid, TooMany
from vault.services.events.poll_events import EventPage, EventsWanted
from vault.services.events.wait_for_events import OF_ACCOUNT
from vault.services.shared import shared_look

_HOUR = timedelta(hours=1)


@pytest.fixture
async def never() -> AsyncIterator["asyncio.Future[None]"]:
    """What never ends a wait."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    yield future
    future.cancel()


async def poll(
    house: House,
    after: int | None = None,
    *,
    types: Sequence[str] | None = None,
    limit: int = 100,
    wait: timedelta = timedelta(),
    ended: "asyncio.Future[None] | None" = None,
) -> EventPage:
    """Ask for events."""
    ended = ended or asyncio.get_running_loop().create_future()
    wanted = EventsWanted(after=after, types=types, limit=limit, wait=wait)
    return await house.vault.events.poll(house.account.id, wanted, ended=ended)


def events(page: EventPage) -> list[dict[str, Any]]:
    """Return the events of a page."""
    return [json.loads(one) for one in page.bodies]


async def test_an_account_that_asks_needs_no_endpoint(either: House):
    """From the first call on its events are numbered; another account's are not."""
    await available(either, "before")
    await publish(either)
    assert await poll(either) == EventPage(bodies=[], through=None, has_more=False)
    recording_id = await available(either, "after")
    await publish(either)
    page = await poll(either)
    (event,) = events(page)
    assert (event["type"], event["data"]["recording"]) == ("recording.available", recording_id)
    assert page.through == event["sequence"]
    assert not page.has_more
    assert await poll(either, page.through) == EventPage(bodies=[], through=page.through, has_more=False)
    other, _ = await either.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    wanted = EventsWanted(after=None, types=None, limit=9)
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert not (await either.vault.events.poll(other.id, wanted, ended=ended)).bodies


async def test_the_first_event_of_an_account_comes_to_who_begins_with_0(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Its number is that of an entry of the whole log, and the call may wait for it meanwhile."""
    assert (await poll(either, 0)).through == 0
    monkeypatch.setattr(polls, "WINDOW", 1)
    waiting = asyncio.create_task(poll(either, 0, wait=timedelta(seconds=20)))
    await asyncio.sleep(0)
    recording_id = await available(either)
    await publish(either)
    for page in (await waiting, await poll(either, 0)):
        (event,) = events(page)
        assert event["data"]["recording"] == recording_id
        assert page.through == event["sequence"] > 1


async def test_who_asks_gets_what_endpoints_get(either: House):
    """Byte for byte, also what an erasure has overtaken, which has its ids alone."""
    await endpoint(either)
    recording_id = await available(either)
    (sent,) = await told(either)
    assert events(await poll(either)) == [sent]
    assert (await poll(either)).bodies == [one.body for one in either.outside.sent]
    await erased(either, recording_id)
    await publish(either)
    first, *rest = events(await poll(either))
    assert first == sent | {"superseded": True}
    assert [one["type"] for one in rest] == ["recording.erasing", "recording.erased"]
    assert not any("superseded" in one for one in rest)


async def test_events_come_in_pages(either: House, monkeypatch: pytest.MonkeyPatch):
    """By their numbers; a call looks at so many, however few of them have its types."""
    await poll(either)
    for number in range(4):
        await available(either, f"rec-{number}")
    await publish(either)
    whole = events(await poll(either))
    assert len(whole) == 4
    numbers = [one["sequence"] for one in whole]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    page = await poll(either, limit=3)
    assert (events(page), page.through, page.has_more) == (whole[:3], numbers[2], True)
    assert events(await poll(either, page.through, limit=3)) == whole[3:]
    monkeypatch.setattr(polls, "WINDOW", 2)
    page = await poll(either, types=["hold.placed"])
    assert page == EventPage(bodies=[], through=numbers[1], has_more=True)
    page = await poll(either, page.through, types=["hold.placed", "recording.available"])
    assert events(page) == whole[2:]
    with pytest.raises(Invalid) as refused:
        await poll(either, types=["recording.heard"])
    assert refused.value.field == "types"


async def test_a_number_without_its_event_is_refused(either: House):
    """One that is not kept any more, with the first that is, and one that nobody had: no event is missed silently."""
    await poll(either)
    for number in range(3):
        await available(either, f"rec-{number}")
    await publish(either)
    first, second, third = (one["sequence"] for one in events(await poll(either)))

    def age(tx: Transaction) -> None:
        old = datetime.now(UTC) - timedelta(days=31)
        tx.connection.execute(outward_events.update().where(outward_events.c.sequence < third).values(at=old))

    await either.database.write(age)
    await either.vault.jobs.publish_events.forget()
    for after in (first - 1, first):
        with pytest.raises(
            Invalid, match=rf"number {third}\. Ask with after={second}, or without"
        ) as refused:
            await poll(either, after)
        assert refused.value.field == "after"
    assert [one["sequence"] for one in events(await poll(either, second))] == [third]
    for begin in (None, 0):
        assert [one["sequence"] for one in events(await poll(either, begin))] == [third]
    with pytest.raises(Invalid, match=f"has the number {third}"):
        await poll(either, third + 1)


async def test_an_account_that_asks_no_more_costs_nothing(either: House):
    """It is forgotten after 30 days, and one that asked today is written no second time."""
    await poll(either)
    assert "publish_events" in await either.database.read(lambda tx: tx.due_work.seconds([]))

    def polled_at(tx: Transaction, value: datetime | None = None) -> datetime:
        if value is not None:
            tx.connection.execute(event_polls.update().values(polled_at=value))
        return tx.connection.execute(event_polls.select()).one().polled_at

    for days, is_kept in ((0.5, True), (1.5, False), (29, False)):
        before = datetime.now(UTC) - timedelta(days=days)
        kept = await either.database.write(lambda tx, at=before: polled_at(tx, at))  # type: ignore[misc]
        await either.vault.jobs.publish_events.forget()
        await poll(either)
        assert (await either.database.read(polled_at) == kept) is is_kept
    await either.database.write(lambda tx: polled_at(tx, datetime.now(UTC) - timedelta(days=31)))
    await either.vault.jobs.publish_events.forget()
    assert "publish_events" not in await either.database.read(lambda tx: tx.due_work.seconds([]))


async def test_a_call_waits_for_an_event(
    either: House, monkeypatch: pytest.MonkeyPatch, never: "asyncio.Future[None]"
):
    """All that wait are told by one look at the database at a time, and only those whose account has one."""
    monkeypatch.setattr(shared_look, "PAUSE", 0.01)
    page = await poll(either)
    looks = 0
    read = type(either.database).read

    async def counted(database: Any, function: Any) -> Any:
        nonlocal looks
        looks += 1
        return await read(database, function)

    waiting = [
        asyncio.create_task(poll(either, page.through, wait=_HOUR, ended=never)) for _ in range(OF_ACCOUNT)
    ]
    calls = either.vault.events.poll.waits._waiting.waiters
    while len(calls) < OF_ACCOUNT:
        await asyncio.sleep(0.01)
    with pytest.raises(TooMany) as refused:
        await poll(either, page.through, wait=_HOUR, ended=never)
    assert refused.value.retry_after > 0
    monkeypatch.setattr(type(either.database), "read", counted)
    begun = monotonic()
    while looks < 20:
        await asyncio.sleep(0.01)
    assert looks <= (monotonic() - begun) / 0.01 + 1
    await available(either)
    await publish(either)
    said = [events(await one) for one in waiting]
    assert [len(one) for one in said] == [1] * OF_ACCOUNT
    assert not calls
    assert not either.vault.events.poll.waits._waiting.places


async def test_a_wait_has_an_end(either: House, monkeypatch: pytest.MonkeyPatch):
    """At its time, or with what ends it; an event of another type does not end it."""
    monkeypatch.setattr(shared_look, "PAUSE", 0.01)
    assert not (await poll(either, wait=timedelta(seconds=0.05))).bodies
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(poll(either, types=["hold.placed"], wait=_HOUR, ended=ended))
    await available(either)
    await publish(either)
    last = (await poll(either)).through
    waits = either.vault.events.poll.waits
    while not any(one.seen == last for one in waits._waiting.waiters):
        await asyncio.sleep(0.01)
    assert not waiting.done()
    ended.set_result(None)
    page = await waiting
    assert page == EventPage(bodies=[], through=last, has_more=False)
    assert not waits._waiting.waiters
