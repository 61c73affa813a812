"""Destinations with an order: the next message goes only after the one before was accepted."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.services.outbox.probe import (
    SENDS,
    Hanging,
    Probe,
    change_destination,
    destination,
    leases_end,
    probe,
    probing,
    rows,
    until,
    with_outside,
)
from tests.support.outbox import let_time_come, put, send_due
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer
from vault.domain.outbox.message import Message
from vault.errors import FetchFailed, Refused

A = "https://a.example/"


async def ordered(house: House, *names: str) -> None:
    """Let destinations have an order."""
    for name in names or ("a",):
        await house.database.write(lambda tx: tx.outbox.set_up(f"probe/{name}", ordered_of=house.account.id))  # noqa: B023 - awaited here


def numbered(house: House, numbers: Any, to: str = "a", **other: Any) -> list[Message]:
    """Return messages whose ids and times say nothing of their order."""
    shuffled = [probe(house, f"{n * 7919 % 1000:03}-{n}", to, sequence=n, **other) for n in numbers]
    Random(1).shuffle(shuffled)  # noqa: S311 - not for secrets
    return shuffled


def got(house: House, url: str = A) -> list[int]:
    """Return the numbers that a receiver got, in the order of their arrival."""
    return [int(one.headers["webhook-id"].partition("-")[2]) for one in house.outside.sent if one.url == url]


async def test_messages_go_in_their_order(either: House):
    """Over many turns, one at a time; a destination without an order has two on their way."""
    house, _ = probing(either)
    await ordered(house)
    await put(house, *numbered(house, range(50)))
    hanging = Hanging(house, "a")
    slow = with_outside(house, hanging)
    await slow.vault.jobs.send_outbox()
    await until(lambda: len(hanging.begun) == 1)
    assert not await slow.vault.jobs.send_outbox()
    assert len(hanging.begun) == 1
    hanging.let_go.set()
    await send_due(slow)
    assert got(house) == list(range(50))


async def test_two_nodes_keep_the_order(nodes: tuple[House, House]):
    """Whoever has the turn."""
    (first, _), (second, _) = (probing(node) for node in nodes)
    await ordered(first, "a", "b")
    await put(first, *numbered(first, range(60)), *numbered(first, range(60), "b"))
    await asyncio.gather(send_due(first), send_due(second))
    await send_due(first)
    assert got(first) == got(first, "https://b.example/") == list(range(60))


@pytest.mark.parametrize("failure", [Answer(status=500), FetchFailed("The host did not respond in time.")])
async def test_a_failure_holds_up_what_follows_here_alone(either: House, failure: Any):
    """Until it is accepted; other destinations go on, and none of what follows is counted or waits longer."""
    house, _ = probing(either)
    await ordered(house)
    house.outside.answer(A, Answer(status=204), failure, failure, Answer(status=204))
    await put(house, *numbered(house, range(4)), *numbered(house, range(3), "b"))
    await send_due(house)
    assert got(house) == [0, 1]
    assert sorted(got(house, "https://b.example/")) == [0, 1, 2]
    assert sorted(one.attempts for one in await rows(house)) == [0, 0, 1]
    assert (await destination(house)).blocked_until is not None
    await put(house, *numbered(house, [4]))
    await send_due(house)
    assert got(house) == [0, 1]
    await let_time_come(house)
    await send_due(house)
    assert got(house) == [0, 1, 1]
    await let_time_come(house)
    await send_due(house)
    assert got(house) == [0, 1, 1, 1, 2, 3, 4]


async def test_what_the_vault_cannot_send_holds_up_too(either: House):
    """Its own failure, too, and a message whose subject lets it wait."""

    class Broken(Probe):
        async def send(self, receiver, permission):
            if permission.message.sequence == 1 and not self.taken_back:
                self.taken_back.append("once")
                raise Refused("Not now.")
            return await super().send(receiver, permission)

    house, _ = probing(either, Broken())
    await ordered(house)
    await put(house, *numbered(house, range(4)))
    await send_due(house)
    assert got(house) == [0]
    await let_time_come(house)
    await send_due(house)
    assert got(house) == [0, 1, 2, 3]


async def test_a_message_that_waits_for_its_subject_holds_up(either: House):
    """What follows it waits too, and the worker does not ask again and again meanwhile."""

    class Waiting(Probe):
        def rules(self, message):
            return replace(SENDS, erased="wait") if message.sequence == 2 else SENDS

    house, _ = probing(either, Waiting())
    await ordered(house)
    about = {"recording_id": "rec_unknown"}
    await put(house, *numbered(house, [0, 1]), *numbered(house, [2], **about), *numbered(house, [3]))
    async with asyncio.timeout(20):
        await send_due(house)
    assert got(house) == [0, 1]
    assert [one.attempts for one in await rows(house)] == [0, 0]
    kind = Probe()
    house, _ = probing(either, kind)
    await change_destination(house, blocked_until=None)
    await let_time_come(house)
    await send_due(house)
    assert got(house) == [0, 1, 2, 3]


async def test_a_node_that_is_gone_leaves_no_gap(nodes: tuple[House, House]):
    """What it had not yet told is sent again, then what follows; it itself sends no more when it comes back."""
    (first, _), (second, _) = (probing(node) for node in nodes)
    await ordered(first)
    hanging = Hanging(first, "a")
    slow = with_outside(first, hanging)
    await put(first, *numbered(first, range(20)))
    await slow.vault.jobs.send_outbox()
    await until(lambda: len(hanging.begun) == 1)
    await send_due(second)
    assert got(second) == []
    await leases_end(second)
    await send_due(second)
    assert got(second) == list(range(20))
    hanging.let_go.set()
    await slow.vault.jobs.send_outbox.idle()
    assert await rows(first) == []
