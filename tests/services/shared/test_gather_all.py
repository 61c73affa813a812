"""Work on batches that runs ahead of their order, and never after its consumer has gone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

import pytest

from vault.batches import batches_of
from vault.services.shared.gather_all import gathered_ahead


class Work:
    """Each item ends when it is told to."""

    def __init__(self) -> None:
        """Nothing has begun."""
        self.begun: list[int] = []
        self.running: set[int] = set()
        self.may_end = asyncio.Event()

    async def __call__(self, item: int) -> int:
        """Return ten times the item; a negative one fails."""
        self.begun.append(item)
        self.running.add(item)
        try:
            await self.may_end.wait()
            if item < 0:
                raise ValueError(item)
            return item * 10
        finally:
            self.running.discard(item)


async def _batches(*batches: Sequence[int]) -> AsyncIterator[Sequence[int]]:
    for batch in batches:
        yield batch


async def test_items_come_in_batches_and_the_last_may_be_shorter():
    """As those of a sequence do."""

    async def items() -> AsyncIterator[int]:
        for item in range(5):
            yield item

    assert [batch async for batch in batches_of(items(), 2)] == [[0, 1], [2, 3], [4]]


async def test_so_many_batches_are_ahead_and_results_keep_their_order():
    """The first one is waited for while two more run; a fourth begins when the first was taken."""
    work = Work()
    async with aclosing(gathered_ahead(_batches([1, 2], [3], [4], [5]), work, ahead=2)) as results:
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0.05)
        assert work.begun == [1, 2, 3, 4]
        work.may_end.set()
        assert await first == [10, 20]
        assert [result async for result in results] == [[30], [40], [50]]


async def test_nothing_runs_after_an_error_or_a_consumer_that_leaves():
    """An error is raised in its turn: what came before it is taken."""
    work = Work()
    work.may_end.set()
    async with aclosing(gathered_ahead(_batches([1], [-2], [3]), work, ahead=2)) as results:
        assert await anext(results) == [10]
        with pytest.raises(ValueError, match="-2"):
            await anext(results)
    assert not work.running
    work = Work()
    async with aclosing(gathered_ahead(_batches([1], [2], [3]), work, ahead=1)) as results:
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0.05)
        assert work.running == {1, 2}
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    assert not work.running
