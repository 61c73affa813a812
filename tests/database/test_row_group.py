"""Rows written in groups: who waits for whom, and who shares whose fate."""

import asyncio

import pytest

from vault.database.engines.micro_batch import MicroBatch
from vault.errors import NotFound, Unavailable


class Writes:
    """Writes groups of numbers by doubling them; some fail, and some fail those beside them."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, group):
        """Answer row by row, once it may go on."""
        self.groups.append(list(group))
        await self.go.wait()
        if -1 in group:
            raise ValueError("poison")
        if -2 in group:
            raise Unavailable("gone")
        return [NotFound("none") if row == 0 else row * 2 for row in group]


async def test_rows_that_come_meanwhile_share_a_group():
    """While two groups are under way the rest is collected, up to the largest group."""
    writes = Writes()
    rows = MicroBatch(writes, writers=2, largest=5)
    writes.go.clear()
    tasks = [asyncio.ensure_future(rows.add(n)) for n in range(1, 3)]
    await asyncio.sleep(0.01)
    tasks += [asyncio.ensure_future(rows.add(n)) for n in range(3, 15)]
    await asyncio.sleep(0.01)
    assert writes.groups == [[1, 2], [3, 4, 5, 6, 7]]
    writes.go.set()
    assert await asyncio.gather(*tasks) == [n * 2 for n in range(1, 15)]
    assert max(map(len, writes.groups)) == 5


async def test_no_row_is_left_behind():
    """Rows that arrive just as a writer stops are written all the same."""
    rows = MicroBatch(Writes(), writers=2, largest=3)
    for round_ in range(200):
        tasks = []
        for n in range(round_ % 7 + 1):
            tasks.append(asyncio.ensure_future(rows.add(n + 1)))
            if n % 2:
                await asyncio.sleep(0)
        assert await asyncio.wait_for(asyncio.gather(*tasks), 5) == [n * 2 + 2 for n in range(round_ % 7 + 1)]
    assert rows._running == set()


async def test_a_rows_own_answer_is_its_own():
    """A row that is answered with an error raises it, a poisonous one fails alone, the others succeed."""
    rows = MicroBatch(Writes(), writers=1)
    answers = await asyncio.gather(*(rows.add(n) for n in (1, 0, -1, 2)), return_exceptions=True)
    assert (answers[0], answers[3]) == (2, 4)
    assert isinstance(answers[1], NotFound)
    assert isinstance(answers[2], ValueError)


async def test_an_unavailable_database_is_asked_once():
    """When the database is gone its whole group hears so, and is not written row by row."""
    writes = Writes()
    rows = MicroBatch(writes, writers=1)
    answers = await asyncio.gather(*(rows.add(n) for n in (1, -2, 2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert writes.groups == [[1, -2, 2]]


async def test_a_cancelled_row_is_written_and_its_neighbours_hear():
    """Cancelling one caller neither undoes its row nor stops the group."""
    writes = Writes()
    rows = MicroBatch(writes, writers=1)
    tasks = [asyncio.ensure_future(rows.add(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert (answers[0], answers[2]) == (2, 6)
    assert writes.groups == [[1, 2, 3]]


async def test_the_queue_has_a_bound():
    """Beyond it callers are told to come back."""
    writes = Writes()
    writes.go.clear()
    rows = MicroBatch(writes, writers=1, largest=10)
    tasks = [asyncio.ensure_future(rows.add(1)) for _ in range(10)]
    await asyncio.sleep(0.01)
    tasks += [asyncio.ensure_future(rows.add(1)) for _ in range(4096)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await rows.add(1)
    writes.go.set()
    assert set(await asyncio.gather(*tasks)) == {2}
