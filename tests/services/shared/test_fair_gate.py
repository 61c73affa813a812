"""The gate before shared work: places, lines by account, and callers that go away."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import Unavailable
from vault.fair_gate import FairGate
from vault.fair_places import FairPlaces


class Crowd:
    """Callers that hold a place until they are told to leave; ``order`` is the order in which they got one."""

    def __init__(self, gate: FairGate) -> None:
        self.gate = gate
        self.order: list[str] = []
        self.inside = 0
        self.most = 0

    async def come(self, account_id: str, leave: asyncio.Event) -> None:
        """Take a place, and leave when told."""
        async with self.gate.turn(account_id):
            self.order.append(account_id)
            self.inside += 1
            self.most = max(self.most, self.inside)
            try:
                await leave.wait()
            finally:
                self.inside -= 1


async def settle() -> None:
    """Let every caller go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_flood_delays_the_others_by_one_place():
    """With fifty callers of one account in line, a caller of another account is next but one."""
    crowd, holding, leave = Crowd(FairGate(FairPlaces(1))), asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(crowd.come("flood", holding))]
    await settle()
    tasks += [asyncio.create_task(crowd.come("flood", leave)) for _ in range(50)]
    await settle()
    tasks += [asyncio.create_task(crowd.come(name, leave)) for name in ("a", "b", "a")]
    await settle()
    leave.set()
    holding.set()
    await asyncio.gather(*tasks)
    assert crowd.order[:7] == ["flood", "flood", "a", "b", "flood", "a", "flood"]
    assert (len(crowd.order), crowd.most) == (54, 1)


async def test_places_are_used_and_no_more_than_there_are():
    """Four places for twenty callers."""
    crowd, leave = Crowd(FairGate(FairPlaces(4))), asyncio.Event()
    tasks = [asyncio.create_task(crowd.come(f"{number % 3}", leave)) for number in range(20)]
    await settle()
    assert crowd.inside == 4
    leave.set()
    await asyncio.gather(*tasks)
    assert crowd.most == 4


async def test_a_line_that_is_full_refuses():
    """Beyond the limit nobody waits; who was refused is not counted, and who waits gets its place."""
    gate = FairGate(FairPlaces(1), max_waiting=2)
    crowd, leave = Crowd(gate), asyncio.Event()
    tasks = [asyncio.create_task(crowd.come("a", leave)) for _ in range(3)]
    await settle()
    for _ in range(3):
        with pytest.raises(Unavailable) as refused:
            await crowd.come("b", leave)
    assert refused.value.retry_after >= 1
    leave.set()
    await asyncio.gather(*tasks)
    await crowd.come("b", leave)


@given(
    cancelled=st.sets(st.integers(min_value=0, max_value=11)), rounds=st.integers(min_value=0, max_value=3)
)
def test_callers_that_go_away_take_no_place_with_them(cancelled: set[int], rounds: int):
    """A caller is cancelled in line, inside or at the moment of its turn: all others get their place."""

    async def run() -> None:
        crowd, leave = Crowd(FairGate(FairPlaces(2))), asyncio.Event()
        tasks = [asyncio.create_task(crowd.come(f"{number % 3}", leave)) for number in range(12)]
        await asyncio.sleep(0)
        leave.set()
        for _ in range(rounds):
            await asyncio.sleep(0)
        for number in cancelled:
            tasks[number].cancel()
        async with asyncio.timeout(30):
            await asyncio.gather(*tasks, return_exceptions=True)
            # Both places are free again.
            async with crowd.gate.turn("x"), crowd.gate.turn("y"):
                pass
        assert crowd.most <= 2

    asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2])
async def test_the_last_place_is_for_an_account_that_holds_none(size: int):
    """An account uses every place but the last; another one is done before any of its turns ends."""
    crowd, long, short = Crowd(FairGate(FairPlaces(size, others=1))), asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(crowd.come("long", long)) for _ in range(6)]
    await settle()
    assert crowd.inside == size
    others = [asyncio.create_task(crowd.come(name, short)) for name in ("short", "short", "third")]
    await settle()
    assert crowd.order == ["long"] * size + ["short"]
    short.set()
    await asyncio.gather(*others)
    assert crowd.order == ["long"] * size + ["short", "short", "third"]
    assert not any(task.done() for task in tasks)
    long.set()
    await asyncio.gather(*tasks)
    assert (crowd.inside, crowd.most) == (0, size + 1)
    async with crowd.gate.turn("a"):
        pass
