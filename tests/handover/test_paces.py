"""Limits that no reply tells: two nodes stay below what the systems document, and removals have their part of it."""

import asyncio
from datetime import timedelta

import pytest

from tests.fakes.limited import Paced
from tests.handover.test_budgets import send_until, until_there
from tests.handover.test_systems import activated
from tests.support.handing import all_handovers, call, erase, follow, hand_over, states
from tests.support.service_house import House
from vault.crm.registry import SYSTEMS
from vault.domain.handover.integration import REMOVE, WRITE, destination_of
from vault.domain.outbox.health import PLACES
from vault.ports.crm import Pace
from vault.services.handover.budgets import interval_of

_BY_NAME = {one.name: one for one in SYSTEMS}
_SECOND = timedelta(seconds=1)
#: The system, the path, and how many of its requests it takes in how many seconds. Slack permits short bursts.
_LIMITS = [
    ("hubspot", "/search", 5, 1.0),
    ("pipedrive", "/persons/search", 10, 2.0),
    ("slack", "/chat.postMessage", 3, 2.5),
]


@pytest.mark.parametrize(("name", "path", "limit", "seconds"), _LIMITS, ids=[one[0] for one in _LIMITS])
async def test_two_nodes_stay_below_a_limit_that_no_reply_tells(
    nodes: tuple[House, House], name: str, path: str, limit: int, seconds: float
):
    """More calls than it takes at a time are handed over, and none of them meets a 429."""
    first, _ = nodes
    system, calls = _BY_NAME[name], limit + PLACES + 2
    paced = Paced(await activated(first, system), path, limit, seconds)
    for one in nodes:
        one.outside.peers |= dict.fromkeys(system.hosts(paced.peer.settings), paced)
    for number in range(calls):
        await call(first, f"rec-{number}")
    await follow(first)
    stopping = asyncio.Event()
    sending = [asyncio.create_task(send_until(one, stopping)) for one in nodes]
    try:
        async with asyncio.timeout(60):
            await until_there(first, "present", calls)
    finally:
        stopping.set()
        await asyncio.gather(*sending)
    assert len(paced.came) >= calls
    assert paced.refused == 0


async def test_a_removal_does_not_wait_for_the_times_of_writes(either: House):
    """Slack's messages of the next seconds have their times; the erasure of an earlier one takes its own."""
    system = _BY_NAME["slack"]
    peer = await activated(either, system)
    await call(either)
    await hand_over(either)
    (written,) = await all_handovers(either)
    writes = destination_of(written.integration_id, removals=False)
    take = timedelta(minutes=5)
    await either.database.write(
        lambda tx: tx.outbox_outcomes.take_time(writes, take, most=timedelta(minutes=10)) and None
    )
    await call(either, "rec-2")
    await erase(either, written.recording_id)
    await hand_over(either)
    assert sorted(await states(either)) == ["absent", "waiting"]
    assert [one.path for one in peer.asked][-2:] == ["/api/chat.update", "/api/chat.delete"]


async def test_times_are_taken_in_turn_and_one_that_is_too_late_is_not(either: House):
    """The third of three finds the times of the others before it."""
    await activated(either, _BY_NAME["slack"])
    await call(either)
    await hand_over(either)
    (written,) = await all_handovers(either)
    to = destination_of(written.integration_id, removals=True)
    await erase(either, written.recording_id)
    await follow(either)
    await hand_over(either)

    async def take(most: timedelta) -> float:
        found = await either.database.write(
            lambda tx: tx.outbox_outcomes.take_time(to, 10 * _SECOND, most=most)
        )
        return found.total_seconds()

    begun = await take(30 * _SECOND)
    second, third = await take(30 * _SECOND), await take(5 * _SECOND)
    again = await take(30 * _SECOND)
    assert begun < 3
    assert begun + 8 < second <= begun + 10
    assert begun + 18 < third <= begun + 20
    # The third did not take it.
    assert begun + 18 < again <= begun + 20


def test_a_part_is_kept_for_removals():
    """Both kinds together stay below the limit."""
    pace = Pace(path="/search", limit=5, per=_SECOND)
    writes, removals = (_SECOND / interval_of(pace, one) for one in (WRITE, REMOVE))
    assert 4 < writes < 4.5
    assert 0.4 < removals < 0.5
    never = Pace(path="/post", limit=1, per=_SECOND, removals=0)
    assert interval_of(never, REMOVE) == timedelta(0)
    for system in SYSTEMS:
        for one in system.paces:
            shares = [_SECOND / it for type_ in (WRITE, REMOVE) if (it := interval_of(one, type_))]
            assert sum(shares) < one.limit / (one.per / _SECOND)
