"""Places for work that may last: for any account, for those that hold none, and who makes room for others."""

import asyncio
from collections import Counter

import pytest

from vault.fair_gate import FairGate
from vault.fair_places import FairPlaces, GaveWay


class Works:
    """Work that lasts until the test ends it, by account."""

    def __init__(self, places: FairPlaces) -> None:
        """Begin with none."""
        self.places = places
        self.gate = FairGate(places)
        self.inside: list[str] = []
        self.gave_way: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, *accounts: str) -> None:
        """Begin long work of each account, one after the other, and let everything happen that can."""
        for account in accounts:
            self.tasks.append(asyncio.create_task(self._last(account)))
            await self.settle()

    def end_turns(self) -> None:
        """End a turn of all that is inside."""
        for place in self.places.held:
            self.places.end_turn(place)

    def end_first_turns(self) -> None:
        """End a turn of what is not long yet."""
        for place in self.places.held:
            if not place.is_long:
                self.places.end_turn(place)

    async def settle(self) -> None:
        """Let every turn end, and whoever waits come in."""
        for _ in range(20):
            await asyncio.sleep(0.001)

    async def end(self) -> None:
        """End all."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _last(self, account: str) -> None:
        try:
            async with self.gate.turn(account):
                self.inside.append(account)
                try:
                    await asyncio.Event().wait()
                finally:
                    self.inside.remove(account)
        except GaveWay:
            self.gave_way.append(account)


@pytest.mark.parametrize(("size", "others"), [(1, 1), (2, 4)])
async def test_an_account_has_its_places_and_each_other_account_one_more(size: int, others: int):
    """The places for others are not for who holds one, and there are no more than that."""
    places = FairPlaces(size, others=others)
    held = [places.take("a") for _ in range(size + 1)]
    assert [place is None for place in held] == [False] * size + [True]
    assert all(places.take(f"b{number}") for number in range(others))
    assert [places.take(name) for name in ("c", "a", "b0")] == [None] * 3
    assert held[0] is not None
    places.leave(held[0])
    # Each of them holds one, but for the account of a single one.
    assert places.take("b0") is None
    assert (places.take("a") is None) == (size > 1)


async def test_who_looks_for_work_is_told_which_accounts_may_not_have_it():
    """As long as a place for any account is left, none; then those that hold one."""
    places = FairPlaces(2, others=1)
    async with places.asked() as first, places.asked() as second:
        assert (first, second) == (frozenset(), frozenset())
        assert places.take("a")
    async with places.asked() as third:
        assert third == frozenset()
        assert places.take("a")
    async with places.asked() as fourth:
        assert fourth == {"a"}


async def test_the_places_for_others_are_asked_for_one_after_the_other():
    """Five that look at the same time find one account's work once, and what waits for its account is not looked for.

    A place for any account that becomes free meanwhile is taken by who looks next.
    """
    places, found = FairPlaces(1, others=10), list[str]()
    first = places.take("a")
    assert first is not None

    async def look() -> None:
        async with places.asked() as closed:
            account = next(name for name in ("a", "b", "c", "nobody") if name not in closed)
            await asyncio.sleep(0)
            if account != "nobody" and places.take(account):
                found.append(account)

    await asyncio.gather(*(look() for _ in range(5)))
    assert found == ["b", "c"]
    for place in places.held:
        places.leave(place)
    await look()
    assert found == ["b", "c", "a"]


async def test_long_work_gives_way_only_where_it_would_take_the_last_places():
    """One of five places is never long; the account with the most makes room, with its youngest."""
    works = Works(FairPlaces(2, others=3))
    await works.begin("a", "a", "b", "c")
    works.end_turns()
    await works.settle()
    assert works.inside == ["a", "a", "b", "c"]
    for account in ("d", "e"):
        await works.begin(account)
        works.end_first_turns()
        await works.settle()
    assert (works.inside, works.gave_way) == (["a", "b", "c", "d"], ["a", "e"])
    await works.end()


async def test_who_has_had_its_share_gives_way_and_else_who_asked_last():
    """What gave way before its share was over is before those that ask later, also within their share."""
    works = Works(FairPlaces(1, others=2))
    for account in ("a", "b", "c"):
        await works.begin(account)
        works.end_first_turns()
        await works.settle()
    assert (works.inside, works.gave_way) == (["a", "b"], ["c"])
    works.end_turns()
    await works.begin("d")
    works.end_first_turns()
    await works.settle()
    # Both had their share, and "b" asked later; "d" holds its place, and asked after "c".
    assert (works.inside, works.gave_way) == (["a", "d"], ["c", "b"])
    await works.begin("e")
    works.end_first_turns()
    await works.settle()
    assert (works.inside, works.gave_way) == (["d", "e"], ["c", "b", "a"])
    await works.begin("c")
    works.end_first_turns()
    await works.settle()
    assert (works.inside, works.gave_way) == (["d", "c"], ["c", "b", "a", "e"])
    await works.end()


@pytest.mark.parametrize("accounts", [3, 10, 40])
async def test_however_many_accounts_have_long_work_another_comes_in(accounts: int):
    """All are long from their first moment, and all wait at the same time: short work of one more is done."""
    places = FairPlaces(1, others=2, turn=0.0)
    works = Works(places)
    names = [f"long-{number}" for number in range(accounts)]
    works.tasks = [asyncio.create_task(works._last(name)) for name in names for _ in range(3)]
    async with asyncio.timeout(20), works.gate.turn("short"):
        assert places.total <= 3
    while any(works.gave_way.count(name) < 3 for name in names if name not in works.inside):
        await works.settle()
    # Nothing is thrown out while only as much is long as may be.
    await works.settle()
    assert len(works.inside) == 2
    assert max(Counter(works.inside).values()) == 1
    await works.end()


async def test_an_own_error_is_not_taken_for_giving_way():
    """A timeout of the work itself stays one, and work that ends in time is never ended."""
    places = FairPlaces(1, others=1, turn=0.0)
    place = places.take("a")
    assert place is not None

    async def end_by_itself() -> None:
        async with place.turn():
            await asyncio.sleep(0.001)
            raise TimeoutError

    with place, pytest.raises(TimeoutError):
        await end_by_itself()
    assert places.total == 0
