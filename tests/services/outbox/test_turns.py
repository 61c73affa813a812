"""Turns: many messages under one lease, and what of them is on its way, given back or written down at which time."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.outbox.probe import (
    Hanging,
    Probe,
    attempts,
    destination,
    probe,
    probing,
    rows,
    until,
    with_outside,
)
from tests.support.outbox import let_time_come, put, send_due
from tests.support.service_house import House
from tests.support.statement_counts import counted
from vault.database.stores.outbox.claims import NOTICED, TURN
from vault.domain.outbox.attempt import Answer
from vault.domain.outbox.health import PLACES
from vault.domain.outbox.message import Message
from vault.errors import FetchFailed
from vault.services.outbox import send_turn

A = "https://a.example/"


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch):
    """Let no turn be short, or end in parts, because the machine is busy."""
    for name in ("BEGINS", "_PATIENCE"):
        monkeypatch.setattr(send_turn, name, 60.0)


def sent(house: House) -> list[str]:
    """Return the ids of what was sent, in its order."""
    return [one.headers["webhook-id"] for one in house.outside.sent]


async def test_a_turn_is_one_claim_and_one_end(either: House):
    """A full turn needs no more statements than some dozen and one for each entry of SQLite's log."""
    house, _ = probing(either)
    await put(house, *(probe(house, f"m{n:02}") for n in range(2 * TURN)))
    job = house.vault.jobs.send_outbox
    await job()
    await job.idle()
    with counted(house.database) as counts:
        await job()
        await job.idle()
    assert len(sent(house)) == 2 * TURN
    entries = 2 * TURN if "Sqlite" in type(house.database).__name__ else 2
    assert counts.statements <= entries + 14


async def test_of_a_turn_two_are_on_their_way(either: House):
    """The others wait in the worker, and nobody else sends them."""
    house, _ = probing(either)
    hanging = Hanging(house, "a")
    house = with_outside(house, hanging)
    await put(house, *(probe(house, f"m{n}") for n in range(8)))
    job = house.vault.jobs.send_outbox
    await job()
    await until(lambda: len(hanging.begun) == PLACES)
    assert not await job()
    assert len(hanging.begun) == PLACES
    assert all(one.lease_token is not None for one in await rows(house))
    hanging.let_go.set()
    await send_due(house)
    assert len(sent(house)) == len(set(sent(house))) == 8


async def test_after_a_failure_no_other_of_the_turn_begins(either: House):
    """They are given back uncounted, and are due."""
    house, _ = probing(either)
    house.outside.answer(A, Answer(status=204), Answer(status=500))
    await put(house, *(probe(house, f"m{n}") for n in range(8)))
    job = house.vault.jobs.send_outbox
    await job()
    await job.idle()
    tried = len(sent(house))
    assert 2 <= tried <= 1 + PLACES
    left = await rows(house)
    assert sum(one.attempts for one in left) == tried - 1
    assert {one.lease_token for one in left} == {None}
    assert len(await attempts(house)) == tried
    assert (await destination(house)).failures == tried - 1


async def test_what_has_no_time_is_given_back(either: House, monkeypatch: pytest.MonkeyPatch):
    """A second after the permission nothing more begins; a slow receiver has only as many as go at the same time."""
    monkeypatch.setattr(send_turn, "BEGINS", 0.0)
    house, _ = probing(either)
    await put(house, *(probe(house, f"m{n}") for n in range(8)))
    job = house.vault.jobs.send_outbox
    await job()
    await job.idle()
    assert len(sent(house)) == PLACES
    assert {(one.attempts, one.lease_token) for one in await rows(house)} == {(0, None)}
    hanging = Hanging(house, "a")
    slow = with_outside(house, hanging)
    await slow.vault.jobs.send_outbox()
    assert sum(one.lease_token is not None for one in await rows(house)) == PLACES
    hanging.let_go.set()
    await send_due(slow)
    assert sorted(sent(house)) == [f"m{n}" for n in range(8)]


async def test_what_has_ended_does_not_wait_for_what_hangs(either: House, monkeypatch: pytest.MonkeyPatch):
    """It is noted while another one of its turn is on its way, and its place goes to others."""
    monkeypatch.setattr(send_turn, "_PATIENCE", 0.05)
    house, _ = probing(either)

    class One(Hanging):
        async def post(self, url, headers, body):
            if headers["webhook-id"] == "m0":
                return await super().post(url, headers, body)
            return await self._inner.post(url, headers, body)

    hanging = One(house, "a")
    house = with_outside(house, hanging)
    await put(house, *(probe(house, f"m{n}") for n in range(4)))
    job = house.vault.jobs.send_outbox
    await job()

    async with asyncio.timeout(20):
        while len(await rows(house)) > 1:
            await asyncio.sleep(0.01)
    assert sorted(sent(house)) == ["m1", "m2", "m3"]
    await put(house, probe(house, "m4"))
    await job()
    await until(lambda: "m4" in sent(house))
    hanging.let_go.set()
    await send_due(house)
    assert await rows(house) == []


async def test_a_receiver_is_read_once_for_a_turn(either: House):
    """Its URL and secrets are opened once; if they cannot be, one message is tried and the others wait uncounted."""
    read: list[str] = []

    class Closed(Probe):
        def read(self, tx, account_id, destination):
            read.append(destination)
            return super().read(tx, account_id, destination)

        async def open(self, stored):
            if len(read) == 1:
                raise FetchFailed("The keys cannot be opened.")
            return stored

    house, kind = probing(either, Closed())
    await put(house, *(probe(house, f"m{n}") for n in range(5)))
    job = house.vault.jobs.send_outbox
    await job()
    await job.idle()
    assert sorted(one.attempts for one in await rows(house)) == [0, 0, 0, 0, 1]
    assert (await destination(house)).failures == 0
    assert [one.failure for one in await attempts(house)] == ["The vault could not send it. It tries again."]
    await let_time_come(house)
    await send_due(house)
    assert len(sent(house)) == 5
    assert read == ["probe/a"] * 2
    assert len(kind.noted) == 6


async def test_a_claim_takes_notice_of_some(either: House):
    """Of a great many new messages of one destination: one statement about all of them would time out each time."""
    house, _ = probing(either)
    await put_all(house, *(probe(house, f"m{n:04}") for n in range(NOTICED + 5)))
    hanging = Hanging(house, "a")
    slow = with_outside(house, hanging)
    await slow.vault.jobs.send_outbox()
    assert sum(one.is_new for one in await rows(house)) == 5
    await slow.vault.jobs.send_outbox()
    assert sum(one.is_new for one in await rows(house)) == 0
    hanging.let_go.set()
    await slow.vault.jobs.send_outbox.idle()


async def put_all(house: House, *messages: Message) -> None:
    """Put many messages into the outbox at once."""
    await house.database.write(lambda tx: tx.outbox.put(*messages))


async def test_a_node_that_stops_notes_what_has_ended(either: House):
    """And gives back the rest of its turn."""
    house, _ = probing(either)

    class FirstTwo(Hanging):
        async def post(self, url, headers, body):
            if headers["webhook-id"] in {"m0", "m1"}:
                return await self._inner.post(url, headers, body)
            return await super().post(url, headers, body)

    hanging = FirstTwo(house, "a")
    house = with_outside(house, hanging)
    await put(house, *(probe(house, f"m{n}") for n in range(6)))
    job = house.vault.jobs.send_outbox
    await job()
    await until(lambda: len(hanging.begun) == PLACES)
    await job.stop()
    assert [(one.id, one.attempts, one.lease_token) for one in await rows(house)] == [
        (f"m{n}", 0, None) for n in range(2, 6)
    ]
    assert [one.outcome for one in await attempts(house)] == ["accepted"] * 2


@pytest.mark.parametrize(("messages", "connections"), [(PLACES, 0), (PLACES + 1, PLACES), (TURN, PLACES)])
async def test_a_turn_has_a_connection_for_each_place(house: House, messages: int, connections: int):
    """They end with the turn, and where no connection would be used again there is none to keep."""
    open_now: list[object] = []
    opened = []

    class Counting(Hanging):
        @asynccontextmanager
        async def keep_alive(self):
            own = object()
            open_now.append(own)
            opened.append(own)
            yield self.post
            open_now.remove(own)

    house, _ = probing(house)
    house = with_outside(house, Counting(house))
    await put(house, *(probe(house, f"m{n:02}") for n in range(messages)))
    await send_due(house)
    assert len(sent(house)) == messages
    assert (len(opened), open_now) == (connections, [])


async def test_a_success_beside_it_does_not_shorten_the_wait(either: House):
    """Two are on their way: one is told to come again in 20 minutes, the other is accepted, and a third waits."""
    house, _ = probing(either)
    house.outside.answer(A, Answer(status=429, retry_after="1200"), Answer(status=204))
    hanging = Hanging(house, "a")
    house = with_outside(house, hanging)
    await put(house, probe(house, "first"), probe(house, "second"))
    await house.vault.jobs.send_outbox()
    await until(lambda: len(hanging.begun) == PLACES)
    hanging.let_go.set()
    await send_due(house)
    assert [one.id for one in await rows(house)] == [hanging.begun[0]]
    await put(house, probe(house, "third"))
    await send_due(house)
    assert len(sent(house)) == PLACES
    shown = await destination(house)
    assert (shown.failures, shown.failing_since) == (0, None)
    assert shown.blocked_until - datetime.now(UTC) > timedelta(minutes=19)


class _SecondHangs(Hanging):
    """The second of two messages hangs, so that the first one ends before it."""

    async def post(self, url: str, headers: Any, body: bytes) -> Answer:
        """Answer the first once both have begun."""
        if self.begun:
            return await super().post(url, headers, body)
        self.begun.append(headers["webhook-id"])
        await until(lambda: len(self.begun) == PLACES)
        return await self._inner.post(url, headers, body)


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_success_beside_it_does_not_switch_on_what_is_gone(
    either: House, monkeypatch: pytest.MonkeyPatch, is_late: bool
):
    """Two are on their way: one gets 410, the other is accepted, in the same transaction or in one after it."""
    house, _ = probing(either)
    house.outside.answer(A, Answer(status=410), Answer(status=204))
    hanging = (_SecondHangs if is_late else Hanging)(house, "a")
    house = with_outside(house, hanging)
    monkeypatch.setattr(send_turn, "_PATIENCE", 0.02 if is_late else 60.0)
    await put(house, probe(house, "first"), probe(house, "second"))
    await house.vault.jobs.send_outbox()
    await until(lambda: len(hanging.begun) == PLACES)
    while is_late and (await destination(house)).disabled_at is None:
        await asyncio.sleep(0.01)
    hanging.let_go.set()
    await send_due(house)
    assert (await destination(house)).disabled_at is not None
    await put(house, probe(house, "third"))
    await send_due(house)
    assert (len(sent(house)), await rows(house)) == (PLACES, [])
    await house.database.write(lambda tx: tx.tree.settle())
    assert (await house.events()).count("destination.disabled") == 1
