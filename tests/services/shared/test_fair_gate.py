"""The gate before shared work: places, lines by account, and callers that go away.

Shares of long work: whose work gives way begins it again, and nobody gives way for ever.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault import fair_places
from vault.errors import Unavailable
from vault.fair_gate import FairGate
from vault.fair_places import FairPlaces, GaveWay, Place


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


class Tenants:
    """Accounts that begin their work anew when it gave way; it ends after a number of turns, if it has one."""

    def __init__(self, places: FairPlaces, **needs: int) -> None:
        """Begin with none inside."""
        self.places = places
        self.needs = needs
        self.begun, self.began_last = Counter[str](), Counter[str]()
        self.ended = Counter[str]()
        self.ends: dict[str, asyncio.Event] = {}
        self.turns = Counter[Place]()
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def turn(self, *absent: str) -> None:
        """Let each account that is not absent begin what it may, and a turn of all that is inside end."""
        for account in sorted(self.needs, key=self.began_last.__getitem__):
            if account not in self.tasks and account not in absent and (place := self.places.take(account)):
                self.began_last[account] = self.begun.total() + 1
                self.tasks[account] = asyncio.create_task(self._work(place))
        await asyncio.sleep(0)
        for place in self.places.held:
            self.turns[place] += 1
            if self.turns[place] > self.needs[place.account_id] > 0:
                self.ends[place.account_id].set()
                await self.settle()
            else:
                self.places.end_turn(place)
        await self.settle()

    async def settle(self) -> None:
        """Let what was told to end be gone."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """End all."""
        for task in self.tasks.values():
            task.cancel()
        await self.settle()

    async def _work(self, place: Place) -> None:
        account = place.account_id
        self.begun[account] += 1
        self.ends[account] = asyncio.Event()
        try:
            with place, suppress(GaveWay):
                async with place.turn():
                    await self.ends[account].wait()
                self.ended[account] += 1
        finally:
            del self.tasks[account]


@pytest.mark.parametrize("accounts", [3, 4, 12])
@pytest.mark.parametrize("turns", [1, 2, 10, 60])
async def test_nobody_gives_way_for_ever(accounts: int, turns: int):
    """Work of some turns ends, while that of as many other accounts as you like never ends and begins again at once."""
    endless = {f"endless-{number}": 0 for number in range(accounts)}
    tenants = Tenants(FairPlaces(1, others=4), **endless, victim=turns)
    await tenants.turn("victim")
    passed = 0
    while not tenants.ended["victim"]:
        await tenants.turn()
        passed += 1
        assert passed <= 40 * (accounts + 1) * turns
    # Each of them has had its share meanwhile, which no other ended.
    assert all(tenants.begun[name] for name in endless)
    await tenants.end()


@pytest.mark.parametrize("turns", [2, 10, 60])
async def test_how_often_work_begins_again_grows_with_the_logarithm_of_its_turns(turns: int):
    """As many accounts with endless work as there are places for long work."""
    tenants = Tenants(FairPlaces(1, others=4), a=0, b=0, c=0, victim=turns)
    await tenants.turn("victim")
    shares = set[int]()
    for _ in range(2000):
        await tenants.turn()
        shares |= {place.doubles for place in tenants.places.held if place.account_id == "victim"}
        if tenants.ended["victim"]:
            break
    assert tenants.ended["victim"]
    assert max(shares) <= turns.bit_length()
    await tenants.end()


@pytest.mark.parametrize("seed", range(8))
async def test_nobody_gives_way_for_ever_to_accounts_that_come_and_go(seed: int):
    """Some are absent, some end by themselves, at any time: work of ten turns ends, with one attempt in three turns."""
    random = Random(seed)  # noqa: S311 - who comes when
    others = {f"other-{number}": random.choice([0, 1, 2, 5, 300]) for number in range(9)}
    tenants = Tenants(FairPlaces(1, others=4), **others, victim=10)
    for passed in range(20_000):
        absent = [name for name in others if random.random() < 0.5]
        await tenants.turn(*absent, *(["victim"] if passed % 3 else []))
        if tenants.ended["victim"]:
            break
    assert tenants.ended["victim"]
    await tenants.end()


async def test_long_shares_of_others_do_not_hold_the_places_of_short_ones():
    """Accounts that have been given shares of hundreds of turns: work of one turn waits for a few of them at most."""
    tenants = Tenants(FairPlaces(1, others=4), a=0, b=0, c=0, d=0, victim=1)
    for _ in range(3000):
        await tenants.turn("victim")
    assert max(place.doubles for place in tenants.places.held) > 5
    for _ in range(8):
        await tenants.turn()
    assert tenants.ended["victim"]
    await tenants.end()


async def test_what_accounts_have_asked_for_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """The ones whose work gave way last are remembered."""
    monkeypatch.setattr(fair_places, "_REMEMBERED", 3)
    places = FairPlaces(1, others=2)
    tenants = Tenants(places, **{f"endless-{number}": 0 for number in range(20)})
    for _ in range(100):
        await tenants.turn()
    assert len(places._accounts) == 3
    await tenants.end()
