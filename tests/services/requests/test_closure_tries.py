"""A closure that must keep a whole archive costs little: after each pass that erased nothing it waits longer."""

from datetime import timedelta

import pytest

from tests.services.requests.closures import closing
from tests.services.requests.people import ago, hurry, recorded
from tests.support.retention import place
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.requests.request import RequestState
from vault.services.requests import erase_account
from vault.services.requests.progress import Progress


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase_account, "_PAGE_SIZE", 2)
    monkeypatch.setattr(erase_account, "_PAGES", 1)


def _tries(tx: Transaction) -> list[int]:
    return [one.tries for one in tx.requests.executing(ago(days=-1), limit=9)]


async def test_the_wait_doubles_after_each_pass_of_several_steps(either: House):
    """Three steps, each right after the one before, then up to 1, 2, 4 seconds and more, and at least half of that."""
    for number in range(3):
        await recorded(either, f"call-{number}")
    await place(either, everything=True, from_=ago(days=4))
    await closing(either)
    job, waits = either.vault.jobs.execute_requests, list[timedelta]()
    # The first try begins the closure.
    assert await job()
    for tries in range(1, 11):
        while await job():
            assert await either.database.read(_tries) == [tries - 1]
        assert await either.database.read(_tries) == [tries]
        following, now = await either.database.read(lambda tx: (tx.requests.next_try(), tx.now()))
        waits.append(following - now)
        await hurry(either)
    # A machine may take as long as a short wait.
    for wait, seconds in zip(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300], strict=True):
        assert timedelta(seconds=seconds / 2 - 30) < wait <= timedelta(seconds=seconds)


async def test_a_pass_that_erases_is_progress(house: House):
    """What is left after it is tried without a wait."""
    for number in range(5):
        await recorded(house, f"call-{number}")
    hold = await place(house, calls=["call-0", "call-1"])
    await closing(house)
    job = house.vault.jobs.execute_requests
    for _ in range(4):
        assert await job()
    assert hold
    assert await house.database.read(_tries) == [0]


async def test_the_place_of_a_pass_is_forgotten_with_the_closure(either: House):
    """Also where another node has ended it."""
    for number in range(3):
        await recorded(either, f"call-{number}")
    await place(either, everything=True, from_=ago(days=4))
    closure_id = await closing(either)
    close = either.vault.jobs.execute_requests.close_account
    await close(await either.vault.requests.closures.read(either.account.id))
    begun = await either.vault.requests.closures.read(either.account.id)
    assert await close.erase(begun) is Progress.MORE
    assert [*close.erase._passes] == [closure_id]
    close.erase._passes["req_ended"] = close.erase._passes[closure_id]
    assert await close.erase(begun) is Progress.MORE
    assert [*close.erase._passes] == [closure_id]
    assert begun.state is RequestState.EXECUTING
