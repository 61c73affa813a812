"""Leases of messages: one worker has a message, and one that lost it changes nothing."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest
from sqlalchemy.dialects import sqlite

from tests.services.outbox.probe import (
    Hanging,
    Probe,
    attempts,
    change_destination,
    destination,
    leases_end,
    probe,
    probing,
    rows,
    until,
    with_outside,
)
from tests.services.requests.people import ACTOR, ask
from tests.support.outbox import add_older_delivery, put, send_due
from tests.support.service_house import House
from vault.database.schema.requests import request_callbacks
from vault.database.signals import Signal, Work
from vault.database.stores.outbox.claims import NEW_MESSAGES, Claim
from vault.database.transaction import Transaction
from vault.domain.outbox.attempt import Answer
from vault.services.outbox.send_outbox import LEASE


async def sending_beside(nodes: tuple[House, House]) -> tuple[House, Probe, Hanging, House]:
    """Return a node that sends a message to a receiver that hangs, with its kind, and another node."""
    (first, kind), (second, _) = (probing(node) for node in nodes)
    hanging = Hanging(first, "a")
    first = with_outside(first, hanging)
    await put(first, probe(first, "m"))
    await first.vault.jobs.send_outbox()
    await until(lambda: hanging.begun == ["m"])
    return first, kind, hanging, second


async def test_two_workers_share_what_waits(nodes: tuple[House, House]):
    """Each message is sent once, by one of them."""
    (first, _), (second, _) = (probing(node) for node in nodes)
    await put(first, *(probe(first, f"m{n:03}", f"r{n % 20}") for n in range(200)))
    await asyncio.gather(send_due(first), send_due(second))
    await send_due(first)
    ids = [one.headers["webhook-id"] for one in first.outside.sent]
    assert (len(ids), len(set(ids))) == (200, 200)
    assert await rows(first) == []
    assert len(await attempts(first)) == 200


async def test_a_message_of_a_worker_that_is_gone_is_sent_again(nodes: tuple[House, House]):
    """After its lease; the one that was thought gone learns that, and writes nothing."""
    first, kind, hanging, second = await sending_beside(nodes)
    await send_due(second)
    assert second.outside.sent == []
    await leases_end(second)
    await send_due(second)
    assert [one.headers["webhook-id"] for one in second.outside.sent] == ["m"]
    assert [(one.number, one.outcome) for one in await attempts(second)] == [(2, "accepted")]
    hanging.let_go.set()
    await first.vault.jobs.send_outbox.idle()
    assert kind.noted == []
    assert [(one.number, one.outcome) for one in await attempts(second)] == [(2, "accepted")]


async def test_a_late_failure_does_not_bring_a_message_back(nodes: tuple[House, House]):
    """The first worker's receiver failed; the second one's took it meanwhile."""
    first, _, hanging, second = await sending_beside(nodes)
    await leases_end(second)
    await send_due(second)
    first.outside.answer("https://a.example/", Answer(status=500))
    hanging.let_go.set()
    await first.vault.jobs.send_outbox.idle()
    assert await rows(second) == []


@pytest.mark.parametrize("status", [204, 500, 410])
async def test_a_late_end_leaves_the_lease_of_another_worker(nodes: tuple[House, House], status: int):
    """While the second one sends: the first one's end neither deletes the message nor gives it back."""
    first, kind, hanging, second = await sending_beside(nodes)
    beside = Hanging(second, "a")
    second = with_outside(second, beside)
    await leases_end(second)
    await second.vault.jobs.send_outbox()
    await until(lambda: beside.begun == ["m"])
    (before,) = await rows(second)
    first.outside.answer("https://a.example/", Answer(status=status), Answer(status=204))
    hanging.let_go.set()
    await first.vault.jobs.send_outbox.idle()
    assert await rows(second) == [before]
    assert (kind.noted, kind.taken_back, await attempts(second)) == ([], ["m"], [])
    assert (await destination(second)).disabled_at is None
    beside.let_go.set()
    await second.vault.jobs.send_outbox.idle()
    assert (await rows(second), [one.outcome for one in await attempts(second)]) == ([], ["accepted"])


async def test_a_node_that_stops_gives_back_what_it_sends(nodes: tuple[House, House]):
    """Uncounted, and due immediately for another node."""
    first, _, _, second = await sending_beside(nodes)
    await first.vault.jobs.send_outbox.stop()
    assert [(one.attempts, one.lease_token) for one in await rows(first)] == [(0, None)]
    await send_due(second)
    assert [one.headers["webhook-id"] for one in second.outside.sent] == ["m"]


async def test_two_at_most_over_all_nodes(nodes: tuple[House, House]):
    """Of one destination; and one while an attempt tests it."""
    (first, _), (second, _) = (probing(node) for node in nodes)
    hanging = Hanging(first, "a")
    first, second = with_outside(first, hanging), with_outside(second, hanging)
    await put(first, *(probe(first, f"m{n}") for n in range(6)))
    for _ in range(2):
        await first.vault.jobs.send_outbox()
        await second.vault.jobs.send_outbox()
    await until(lambda: len(hanging.begun) == 2)
    await asyncio.sleep(0)
    assert len(hanging.begun) == 2
    hanging.let_go.set()
    await asyncio.gather(*(node.vault.jobs.send_outbox.idle() for node in (first, second)))
    hanging.let_go.clear()
    hanging.begun.clear()
    await put(first, *(probe(first, f"n{n}") for n in range(6)))
    await change_destination(first, failures=5)
    for _ in range(2):
        await first.vault.jobs.send_outbox()
        await second.vault.jobs.send_outbox()
    await until(lambda: len(hanging.begun) == 1)
    assert sum(one.lease_token is not None for one in await rows(first)) == 1
    hanging.let_go.set()
    await asyncio.gather(*(node.vault.jobs.send_outbox.idle() for node in (first, second)))


@pytest.mark.parametrize("tries", [0, 7])
async def test_what_an_older_release_left_is_sent(either: House, tries: int):
    """After an upgrade, and from a node of the release before that still runs: with its id and its tries."""
    account_id = either.account.id
    await either.vault.requests.callbacks.set(account_id, "https://crm.example/hook", actor=ACTOR)
    either.outside.answer("https://crm.example/hook", Answer(status=503))
    await either.database.write(lambda tx: add_older_delivery(tx, account_id, "evt_old", tries=tries))
    assert (await either.vault.requests.callbacks.read(account_id)).deliveries.waiting == 1
    assert await either.vault.jobs.adopt_deliveries.any_due()
    assert await either.vault.jobs.adopt_deliveries()
    assert not await either.vault.jobs.adopt_deliveries.any_due()
    assert (await either.vault.requests.callbacks.read(account_id)).deliveries.waiting == 1
    await send_due(either)
    assert [one.headers["webhook-id"] for one in either.outside.sent] == ["evt_old"]
    assert b'"request": "req_older"' in either.outside.sent[0].body
    assert [one.attempts for one in await rows(either)] == [tries + 1]


async def test_a_callback_that_an_older_node_deletes_is_told_nothing(either: House):
    """It leaves the message, which the log then does not call accepted."""
    account_id = either.account.id
    await either.vault.requests.callbacks.set(account_id, "https://crm.example/hook", actor=ACTOR)
    await ask(either)

    def older_deletes(tx: Transaction) -> None:
        tx.connection.execute(request_callbacks.delete())

    await either.database.write(older_deletes)
    await send_due(either)
    assert (either.outside.sent, await rows(either)) == ([], [])
    await either.database.write(lambda tx: tx.tree.settle())
    told = [one for one in await either.events() if one.startswith("message.")]
    assert told == ["message.superseded"]


async def test_an_older_node_beside_takes_nothing_and_loses_nothing(either: House):
    """It deletes a delivery by its id where it was told it; what was moved is told once more, with the same id."""
    account_id = either.account.id
    await either.vault.requests.callbacks.set(account_id, "https://crm.example/hook", actor=ACTOR)
    await either.database.write(lambda tx: add_older_delivery(tx, account_id, "evt_old"))
    await either.vault.jobs.adopt_deliveries()
    # The older node adds the same one again after its retry of a transaction, and one more.
    await either.database.write(lambda tx: add_older_delivery(tx, account_id, "evt_old"))
    await either.database.write(lambda tx: add_older_delivery(tx, account_id, "evt_new"))
    await either.vault.jobs.adopt_deliveries()
    await ask(either)
    await send_due(either)
    ids = [one.headers["webhook-id"] for one in either.outside.sent]
    assert (len(ids), len(set(ids)), {"evt_old", "evt_new"} <= set(ids)) == (3, 3, True)


async def test_new_messages_are_found_by_their_index(house: House):
    """A hundred thousand that wait are not read for them."""
    compiled = NEW_MESSAGES.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    plan = await house.database.read(
        lambda tx: tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").all()
    )
    assert "ix_outbox_messages_new" in str(plan)


class Ear:
    """A receiver of signals that remembers how often it heard of messages that are due."""

    heard = 0

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Count those of the outbox."""
        self.heard += sum(one.work is Work.OUTBOX and not one.after for one in signals)
        return ()

    def connected(self, *, remote: bool) -> None:
        """Ignore it."""


async def test_a_claim_that_took_all_wakes_nobody(either: House):
    """The next one would find nothing; where a message stays, because its account has enough on its way, it does."""
    house, _ = probing(either)
    await put(house, probe(house, "m"))
    ear = Ear()
    async with house.database.signals.delivered_to(ear):
        await house.vault.jobs.send_outbox()
        await house.vault.jobs.send_outbox.idle()
        assert await rows(house) == []
        assert ear.heard == 0
        await put(house, probe(house, "later"))
        ear.heard = 0
        full = Claim(places=1, lease=LEASE, but=[house.account.id])
        assert await house.database.write(lambda tx: tx.outbox_claims.claim(full)) == []
        await asyncio.sleep(0)
        assert ear.heard == 1
