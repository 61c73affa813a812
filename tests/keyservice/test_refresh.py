"""Refreshing: how long a ring works without its key service, what it forgets, and how often it unwraps."""

import pytest

from tests.fakes.key_rows import Ring
from tests.fakes.own_keys import ARN
from vault.errors import NotFound, OwnKeyUnusable, Unavailable
from vault.keyservice.key_ring import REFRESH_INTERVAL

MINE = f"{ARN}mine"


async def ring_of(count: int) -> Ring:
    """Return a ring that has used the keys of so many accounts, ten a second."""
    ring = Ring(maximum=10_000)
    for number in range(count):
        await ring.account(f"acc_{number}")
        await ring.ring.current(f"acc_{number}")
        ring.time += 0.1
    return ring


async def wait(ring: Ring, seconds: float) -> None:
    """Let time pass, with a refresh each interval."""
    until = ring.time + seconds
    while ring.time + REFRESH_INTERVAL <= until:
        ring.time += REFRESH_INTERVAL
        await ring.ring.refresh()
    ring.time = until


async def test_5000_accounts_in_turn_cost_no_unwrapping() -> None:
    """After the first request of each, requests in turn unwrap nothing; only the refresh does."""
    ring = await ring_of(5000)
    assert ring.root.unwrapped == 5000
    refreshed = 0
    for start in range(0, 5000, 50):
        ring.time += REFRESH_INTERVAL
        before = ring.root.unwrapped
        await ring.ring.refresh()
        refreshed += ring.root.unwrapped - before
        for number in range(start, start + 50):
            await ring.ring.current(f"acc_{number}")
    assert ring.root.unwrapped == 5000 + refreshed
    # 100 refreshes in 1000 seconds: each key is unwrapped again about once an hour.
    assert refreshed == 100 * 14


async def test_every_account_has_the_whole_time_when_the_key_service_is_sealed() -> None:
    """However long ago a key was unwrapped: 300 seconds from the last answer of the root key, and not one more."""
    ring = await ring_of(20)
    await wait(ring, 1000)
    ring.root.reachable = False
    sealed = ring.time
    await wait(ring, 289)
    for number in range(20):
        assert (await ring.ring.current(f"acc_{number}")).version == 1
    ring.time = sealed + 300
    for number in range(20):
        with pytest.raises(Unavailable):
            await ring.ring.current(f"acc_{number}")
    # They are out of memory too.
    await ring.ring.refresh()
    assert not ring.ring._keys


async def test_a_key_service_that_comes_back_in_time_is_not_noticed() -> None:
    """It answers again before the time is over, and everything goes on."""
    ring = await ring_of(3)
    ring.root.reachable = False
    await wait(ring, 200)
    ring.root.reachable = True
    await wait(ring, 250)
    ring.root.reachable = False
    await wait(ring, 250)
    for number in range(3):
        await ring.ring.current(f"acc_{number}")


async def test_an_own_key_is_checked_by_itself() -> None:
    """The root key works on, and the account whose own key was disabled still stops after 300 seconds."""
    ring = await ring_of(3)
    await ring.account("acc_own", MINE)
    await ring.ring.current("acc_own")
    await wait(ring, 1000)
    assert 48 <= ring.own_keys.keys[MINE].unwrapped <= 51
    ring.own_keys.keys[MINE].reachable = False
    await wait(ring, 270)
    await ring.ring.current("acc_own")
    await wait(ring, 30)
    with pytest.raises(OwnKeyUnusable):
        await ring.ring.current("acc_own")
    await ring.ring.current("acc_0")


async def test_a_ring_at_rest_asks_nothing() -> None:
    """One unwrapping each interval while keys are kept; none after the last unused key has left, within an hour."""
    ring = await ring_of(3)
    await wait(ring, 600)
    assert ring.root.unwrapped == 3 + 60
    await wait(ring, 3600)
    before = ring.root.unwrapped
    await wait(ring, 3600)
    assert ring.root.unwrapped == before


async def test_a_destroyed_version_leaves_within_a_minute() -> None:
    """Another node has destroyed it; the keys of other accounts stay, and none is unwrapped for it."""
    ring = await ring_of(400)
    await wait(ring, 100)
    ring.rows.gone = [("acc_399", 1)]
    del ring.rows.keys["acc_399", 1]
    await wait(ring, 60)
    with pytest.raises(NotFound):
        await ring.ring.version("acc_399", 1)
    before = ring.root.unwrapped
    for number in range(399):
        await ring.ring.version(f"acc_{number}", 1)
    assert ring.root.unwrapped == before


async def test_a_version_whose_row_is_gone_leaves_with_its_refresh() -> None:
    """Nobody said that it was destroyed, as when a restore has replaced the rows."""
    ring = await ring_of(2)
    del ring.rows.keys["acc_0", 1]
    await wait(ring, 2 * REFRESH_INTERVAL)
    with pytest.raises(NotFound):
        await ring.ring.version("acc_0", 1)
    await ring.ring.version("acc_1", 1)
