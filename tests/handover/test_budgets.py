"""Budgets of every kind: while one is spent no write leaves, whoever says so, and removals go first and apart."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.fakes.crm import NotebookPeer
from tests.fakes.limited import Limited
from tests.handover.test_systems import activated
from tests.support.handing import ANN, activate, all_handovers, call, erase, follow, hand_over, states
from tests.support.outbox import let_time_come, send_due
from tests.support.service_house import House
from vault.crm.registry import SYSTEMS
from vault.database.schema.outbox import outbox_messages
from vault.domain.crm.exchange import Budget
from vault.domain.handover.integration import REMOVE, WRITE, destination_of
from vault.domain.outbox.health import FAILURES, PLACES
from vault.services.handover.budgets import KnownBudget, Windows
from vault.simulator.crm.crm import Fault
from vault.simulator.exchange import Reply, json_reply

_BY_NAME = {one.name: one for one in SYSTEMS}
HOUR = 3600
#: Messages to one destination at a time.
_ON_THEIR_WAY = 2
#: Seconds between two removals at the system that takes the fewest.
_OWN_TIME = 2


@dataclass(frozen=True, kw_only=True)
class Spent:
    """A system whose budget is spent: what it answers, and the seconds within which nothing is sent to it."""

    system: str
    budget: str
    reply: Reply
    least: float
    most: float


def too_many(body: object = None, headers: Mapping[str, str] | None = None, status: int = 429) -> Reply:
    """Return the answer of a system that takes no more requests."""
    return json_reply(status, body if body is not None else {}, headers or {})


_HUBSPOT_DAY = {"errorType": "RATE_LIMIT", "policyName": "DAILY"}
_HUBSPOT_SECONDS = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}
_DAY = "24 hours"
_SALESFORCE_DAY = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "simulated"}]
_PAGE = Reply(status=403, body=b"<html>Too many</html>", content_type="text/html")
SPENT = [
    Spent(system="hubspot", budget="ten seconds", reply=too_many(_HUBSPOT_SECONDS), least=1, most=60),
    # Until midnight.
    Spent(system="hubspot", budget="a day", reply=too_many(_HUBSPOT_DAY), least=0, most=7 * HOUR),
    Spent(
        system="zendesk", budget="a minute", reply=too_many(headers={"retry-after": "93"}), least=90, most=120
    ),
    Spent(
        system="salesforce",
        budget="24 hours",
        reply=too_many(_SALESFORCE_DAY, status=403),
        least=600,
        most=7 * HOUR,
    ),
    Spent(system="pipedrive", budget="a page of an edge", reply=_PAGE, least=1, most=60),
    Spent(
        system="freshdesk",
        budget="an hour",
        reply=too_many(headers={"retry-after": "1800"}),
        least=1700,
        most=2100,
    ),
    Spent(
        system="slack", budget="a channel", reply=too_many(headers={"retry-after": "37"}), least=30, most=60
    ),
    Spent(
        system="webhook",
        budget="its own",
        reply=too_many(headers={"retry-after": "120"}),
        least=110,
        most=150,
    ),
    Spent(system="zapier", budget="a second", reply=too_many(), least=1, most=60),
]


async def wait_of(house: House, *, removals: bool) -> float | None:
    """Return for how many seconds nothing is sent to the one integration; None: nothing stands against it."""
    (view,) = await house.vault.handover.integrations.list(house.account.id)
    to = destination_of(view.integration.id, removals=removals)
    health, now = await house.database.write(lambda tx: tx.outbox_outcomes.health(to))
    return None if health.blocked_until is None else (health.blocked_until - now).total_seconds()


@pytest.mark.parametrize("spent", SPENT, ids=[f"{one.system} {one.budget}" for one in SPENT])
async def test_a_spent_budget_is_never_exceeded(house: House, spent: Spent):
    """After the answer nothing more is written for as long as it says; a removal goes meanwhile."""
    peer = await activated(house, _BY_NAME[spent.system])
    first = await call(house)
    await hand_over(house, rounds=2)
    assert await states(house) == ["present"]
    peer.faults += [Fault(reply=spent.reply)] * 20
    await call(house, "rec-2")
    await call(house, "rec-3")
    before = len(peer.asked)
    await hand_over(house)
    # Two of one turn may be on their way.
    assert 1 <= len(peer.asked) - before <= _ON_THEIR_WAY
    waits = await wait_of(house, removals=False)
    assert waits is not None
    assert spent.least <= waits <= spent.most
    sent = len(peer.asked)
    await house.vault.jobs.send_outbox()
    await house.vault.jobs.send_outbox.idle()
    assert len(peer.asked) == sent
    # What is left is the reserve.
    peer.faults.clear()
    await erase(house, first)
    await hand_over(house)
    # Where no reply says what is left, a removal leaves its own time to the next one.
    assert (await wait_of(house, removals=True) or 0) < _OWN_TIME
    assert "absent" in await states(house)


async def test_a_spent_budget_is_no_failure_of_the_system(either: House):
    """It costs a message none of its attempts, and nobody is told that the system fails, however often it says so."""
    peer = await activated(either, _BY_NAME["zendesk"])
    peer.faults += [Fault(reply=too_many(headers={"retry-after": "1"}))] * (2 * FAILURES)
    await call(either)
    await follow(either)
    for _ in range(2 * FAILURES):
        await let_time_come(either)
        await send_due(either)
    assert not peer.faults
    (view,) = await either.vault.handover.integrations.list(either.account.id)
    to = destination_of(view.integration.id, removals=False)
    health, _ = await either.database.write(lambda tx: tx.outbox_outcomes.health(to))
    attempts = await either.database.read(
        lambda tx: tx.connection.execute(select(outbox_messages.c.attempts)).scalars().all()
    )
    assert (health.failures, health.failing_since, attempts) == (0, None, [0])
    await hand_over(either, rounds=2)
    assert await states(either) == ["present"]


async def test_removals_go_before_what_is_written(either: House, peer: NotebookPeer):
    """What waits to be removed after a pause of the system goes first, and only then a new call."""
    peer.contacts = [ANN]
    await activate(either)
    first = await call(either)
    await hand_over(either)
    await erase(either, first)
    await call(either, "rec-2")
    peer.requests.clear()
    await hand_over(either, rounds=2)
    names = [one.split(" ")[0] for one in peer.requests]
    assert names.index("DELETE") < names.index("POST")
    assert sorted(await states(either)) == ["absent", "present"]


#: Of three seconds, so that also a slow machine spends it.
_LIMIT, _SECONDS, _CALLS, _ERASED = 24, 3.0, 18, 3


@pytest.mark.parametrize("name", ["hubspot", "pipedrive", "intercom"])
async def test_two_nodes_never_send_more_than_a_system_says_that_it_takes(
    nodes: tuple[House, House], name: str
):
    """A window whose headers a search lacks, and those that say when they end: no request meets a 429.

    Some of what was written is removed meanwhile.
    """
    first, _ = nodes
    system = _BY_NAME[name]
    limited = Limited(await activated(first, system), limit=_LIMIT, seconds=_SECONDS)
    hosts = dict.fromkeys(system.hosts(limited.peer.settings), limited)
    for one in nodes:
        one.outside.peers |= hosts
    for number in range(_CALLS):
        await call(first, f"rec-{number}")
    await follow(first)
    stopping = asyncio.Event()
    sending = [asyncio.create_task(send_until(one, stopping)) for one in nodes]
    try:
        async with asyncio.timeout(60):
            await until_there(first, "present", _ERASED)
            there = [one.recording_id for one in await all_handovers(first) if one.state == "present"]
            for recording_id in there[:_ERASED]:
                await erase(first, recording_id)
            await until_there(first, "absent", _ERASED)
            await until_there(first, "present", _CALLS - _ERASED)
    finally:
        stopping.set()
        await asyncio.gather(*sending)
    assert limited.requests > _LIMIT
    assert limited.refused == 0


async def send_until(house: House, stopping: asyncio.Event) -> None:
    """Send as a node does."""
    send = house.vault.jobs.send_outbox
    while not stopping.is_set():
        if not await send():
            await asyncio.sleep(0.02)
    await send.idle()


async def until_there(house: House, state: str, number: int) -> None:
    """Wait until so many hand-overs are in a state."""
    while (await states(house)).count(state) < number:
        await asyncio.sleep(0.02)


NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def known(remaining: int, limit: int | None = 100) -> KnownBudget:
    """Return a budget of which so much is left for a minute."""
    made = KnownBudget()
    made.said(Budget(remaining=remaining, limit=limit, resets_in=_MINUTE), NOW + _MINUTE)
    return made


def test_a_tenth_is_for_removals_and_a_request_of_each_other_message_is_left():
    """A message begins while it can also end; a removal uses all but what others on their way may."""
    begins = [left for left in range(101) if known(left).wait(WRITE, NOW, begins=True) is None]
    goes_on = [left for left in range(101) if known(left).wait(WRITE, NOW, begins=False) is None]
    removes = [left for left in range(101) if known(left).wait(REMOVE, NOW, begins=True) is None]
    assert (begins[0], goes_on[0], removes[0]) == (15, 11, PLACES + 1)
    assert known(10).wait(WRITE, NOW, begins=True) == _MINUTE
    assert known(10).wait(WRITE, NOW + _MINUTE, begins=True) is None


def test_a_small_budget_and_one_of_unknown_size_keep_a_reserve_too():
    """Of ten a tenth is one: both messages on their way would take it."""
    assert known(6, limit=10).wait(WRITE, NOW, begins=False) is not None
    assert known(7, limit=10).wait(WRITE, NOW, begins=False) is None
    assert known(50, limit=None).wait(WRITE, NOW, begins=False) is not None
    assert known(51, limit=None).wait(WRITE, NOW, begins=False) is None


def test_a_request_whose_answer_says_nothing_counts():
    """A search of HubSpot."""
    budget = known(12)
    budget.sent()
    assert budget.wait(WRITE, NOW, begins=False) is None
    budget.sent()
    assert budget.wait(WRITE, NOW, begins=False) is not None


def test_a_window_ends_after_its_first_request():
    """Nobody says when it began, so it is the first request after the former one that counts."""
    windows, ten = Windows(), timedelta(seconds=10)
    assert windows.answered("int_a", NOW, None) == timedelta(0)
    assert windows.answered("int_a", NOW + timedelta(seconds=3), ten) == timedelta(seconds=7)
    assert windows.answered("int_b", NOW + timedelta(seconds=4), ten) == ten
    assert windows.answered("int_a", NOW + timedelta(seconds=9), None) == timedelta(seconds=1)
    assert windows.answered("int_a", NOW + timedelta(seconds=12), None) == ten
