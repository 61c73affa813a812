"""Decided requests that wait: each is tried again later, and none keeps another one from its turn."""

from datetime import timedelta

import pytest

from tests.services.requests.people import ask, asks, carried_out, decide, recorded
from tests.support.service_house import House
from vault.domain.requests.request import RequestState
from vault.errors import Unavailable


async def test_requests_that_wait_block_no_other(either: House, monkeypatch: pytest.MonkeyPatch):
    """A full batch of requests that can only wait, all more urgent: the last one is carried out all the same."""
    waiting = []
    for number in range(25):
        view = await ask(
            either, asks(reference=f"ticket {number}", numbers=((f"+336123456{number:02}", None),))
        )
        await decide(either, view.request.id)
        waiting.append(view.request.id)
    last = await ask(either, asks(regime="none", reference="last"))
    await decide(either, last.request.id)
    job = either.vault.jobs.execute_requests
    closing = type(job.receipts).close_if_done

    async def waits(self: object, request: object) -> bool:
        return request.id not in waiting and await closing(self, request)

    monkeypatch.setattr(type(job.receipts), "close_if_done", waits)
    for _ in range(3):
        await job()
    shown = await either.vault.requests.requests.read(either.account.id, last.request.id)
    assert shown.request.state is RequestState.FULFILLED


async def test_the_wait_doubles_and_progress_ends_it(house: House, monkeypatch: pytest.MonkeyPatch):
    """A request for which a part is down costs less and less, and is carried out once that is back."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house)
    await decide(house, view.request.id)
    job = house.vault.jobs.execute_requests

    async def down(*_: object) -> None:
        raise Unavailable("The key service does not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(type(job.find), "terms", down)
        for tries, seconds in enumerate([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300], start=1):
            before, wait = await house.database.read(lambda tx: tx.now()), timedelta(seconds=seconds)
            assert not await job()
            following, after = await house.database.read(lambda tx: (tx.requests.next_try(), tx.now()))
            # With jitter: at least half of the wait.
            assert before + wait / 2 <= following <= after + wait
            # A machine may take as long as a short wait.
            assert seconds < 60 or not await job.any_due()
            await house.database.write(
                lambda tx, tries=tries: tx.requests.try_again(view.request.id, None, tries=tries)
            )
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    assert recording_id
