"""kill -9 at edges of the outbox's work: nothing is lost, nothing goes after an erasure, and the log has what went."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import pytest
from sqlalchemy import select, update

from tests.services.requests.dying_jobs import DELIVERED, RECEIVED
from tests.services.requests.mortal_ground import Ground, OpenGround, events_of, grounds, kill
from tests.services.requests.people import ACTOR, ask, asks
from tests.support.counts import count
from tests.support.outbox import add_older_delivery, let_time_come, send_due
from tests.support.rights_cases import PAIRS
from tests.support.service_house import LONG_AGO, House
from vault.database.schema.outbox import outbox_destinations, outbox_messages
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.errors import Unavailable
from vault.services.events.endpoints import EndpointChange
from vault.thread_pools import Threads

T = TypeVar("T")
pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.fixture(params=PAIRS[:2])
def open_ground(request: pytest.FixtureRequest, tmp_path: Path, threads: Threads) -> OpenGround:
    """Opens an empty vault on a pair of database and store that another process can open."""
    return grounds(request, request.param, tmp_path, threads)


async def test_a_killed_outbox_loses_nothing(open_ground: OpenGround):
    """Three changes of requests and a delivery of an older release for each kill."""

    async def set_up(house: House) -> None:
        await house.vault.requests.callbacks.set(house.account.id, "https://crm.example/hook", actor=ACTOR)

    async def prepare(ground: Ground, number: int) -> Callable[[], Awaitable[None]]:
        house = ground.house
        for n in range(3):
            await ask(house, asks(reference=f"ticket {number}-{n}"))
        older = f"evt_older_{number}"
        await house.database.write(lambda tx: add_older_delivery(tx, house.account.id, older))
        due = await house.database.read(
            lambda tx: set(tx.connection.execute(select(outbox_messages.c.id)).scalars())
        )

        async def check() -> None:
            await leases_end(ground.house)
            await ground.house.vault.jobs.adopt_deliveries()
            await send_due(ground.house)
            file = ground.folder / RECEIVED
            taken = file.read_text().split() if file.exists() else []
            taken += [one.headers["webhook-id"] for one in ground.house.outside.sent]
            missing = ({*due, older}) - set(taken)
            assert missing == set()
            assert (
                await ground.house.vault.requests.callbacks.read(house.account.id)
            ).deliveries.waiting == 0
            logged = await results_of(ground.house)
            for message_id in (*due, older):
                # It may be taken once more than the log says accepted, and never without being in the log before.
                assert logged.count(("message.sent", message_id)) >= 1
                assert logged.count(("message.accepted", message_id)) == 1

        return check

    await kill(open_ground, "the outbox", "outbox", prepare, set_up=set_up, small=10)


ORDERED, UNORDERED = "https://ordered.example/hook", "https://unordered.example/hook"
#: The most edges that a process lives.
_LIFE: Final = 600


async def test_killed_nodes_lose_no_event(open_ground: OpenGround):
    """All arrive, each number once but for repeats with its id; in order where that was asked for.

    One node on SQLite, two at a time on PostgreSQL; each dies again and again, anywhere between log and receiver.
    """
    events = count("events under kills", small=160, full=10_000)
    async with open_ground() as ground:
        for url in (ORDERED, UNORDERED):
            await endpoint(ground.house, url)
        numbers, caused = Random(events), 0  # noqa: S311 - not for secrets

        async def live(node: int) -> int:
            """Live again and again until all has arrived; return how often it was killed."""
            nonlocal caused
            killed = 0
            while caused < events or await waits(ground.house):
                more = min(events // 8, 500, events - caused)
                caused += more
                await cause(ground.house, more)
                killed += (
                    await ground.run("events", numbers.randint(1, min(_LIFE, events)), node=node) is None
                )
                await died(ground.house, node)
            return killed

        killed = sum(
            await asyncio.gather(*(live(node) for node in range(1 if ground.database_url is None else 2)))
        )
        arrived = [json.loads(line) for line in (ground.folder / DELIVERED).read_text().splitlines()]
        of_url = {url: [one for one in arrived if one["url"] == url] for url in (ORDERED, UNORDERED)}
        for url, got in of_url.items():
            check_numbers(got, events, in_order=url == ORDERED)
        await check_log(ground.house, {one["id"] for one in arrived})
        repeats = {url: len(got) - events for url, got in of_url.items()}
        assert killed >= 3
        print(f"{killed} killed, {events} events to each of 2, 0 lost, sent again: {repeats}")


async def died(house: House, node: int) -> None:
    """Let the leases of a node that died run out, and the time come for what waits because an attempt failed."""

    def end(tx: Transaction) -> None:
        c = outbox_messages.c
        held = update(outbox_messages).where(c.lease_token.startswith(f"{node}-"))
        tx.connection.execute(held.values(lease_until=LONG_AGO))
        failed = (c.lease_until.is_(None)) & (c.due_at > tx.now())
        tx.connection.execute(update(outbox_messages).where(failed).values(due_at=LONG_AGO))
        tx.connection.execute(update(outbox_destinations).values(blocked_until=None))
        for destination in tx.connection.execute(outbox_destinations.select()).all():
            tx.outbox_claims.schedule(destination.destination)

    await patiently(lambda: house.database.write(end))


async def endpoint(house: House, url: str) -> None:
    """Make an endpoint; one of them is ordered."""
    wanted = EndpointChange(url=url, types=["switch.changed"], ordered=url == ORDERED)
    await house.vault.events.endpoints.make(house.account.id, wanted, actor=ACTOR)


async def cause(house: House, number: int) -> None:
    """Let something happen so many times."""

    def log(tx: Transaction) -> None:
        tx.events.append(
            *(
                AccessEvent(
                    type="switch.changed", at=tx.now(), account_id=house.account.id, actor=ACTOR, result="on"
                )
                for _ in range(number)
            )
        )

    await patiently(lambda: house.database.write(log))
    await patiently(lambda: house.database.write(lambda tx: tx.tree.settle()))


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """Repeat what was not done, because the database did not answer in time on a busy machine."""
    while True:
        try:
            return await act()
        except Unavailable as error:
            assert "Nothing was done" in str(error)


async def waits(house: House) -> bool:
    """Return whether anything is still to be published or sent."""
    query = select(outbox_messages.c.id).limit(1)
    return await patiently(
        lambda: house.database.read(
            lambda tx: tx.event_feed.unread() is not None or tx.connection.execute(query).first() is not None
        )
    )


def check_numbers(got: list[dict[str, Any]], events: int, *, in_order: bool) -> None:
    """Assert that each number arrived, always with the same id; in order: never one whose predecessor did not."""
    ids = {(one["sequence"], one["id"]) for one in got}
    first = min(one["sequence"] for one in got)
    assert sorted(sequence for sequence, _ in ids) == list(range(first, first + events))
    if in_order:
        last = first - 1
        for one in got:
            assert one["sequence"] <= last + 1, f"{one['sequence']} after {last}"
            last = max(last, one["sequence"])


async def check_log(house: House, ids: set[str]) -> None:
    """Assert that each event is in the log as sent, and as accepted once for each endpoint."""
    counted = Counter(await results_of(house))
    assert all(counted["message.sent", one] >= 2 for one in ids)
    assert all(counted["message.accepted", one] == 2 for one in ids)


async def leases_end(house: House) -> None:
    """Let the leases of the killed process run out, and the time come for what waits."""
    query = update(outbox_messages).where(outbox_messages.c.lease_until.is_not(None))
    await house.database.write(lambda tx: tx.connection.execute(query.values(lease_until=LONG_AGO)) and None)
    await let_time_come(house)


async def results_of(house: House) -> list[tuple[str, str]]:
    """Return the types of the account's events, with the ids of their messages."""
    await events_of(house)
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=100_000)
    )
    return [(one.event.type, (one.event.result or "").rsplit("/", 1)[-1]) for one in page]
