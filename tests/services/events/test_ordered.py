"""Endpoints whose events go in their order: asked for by POST or PATCH, and kept by a restore."""

import json
from pathlib import Path

from tests.services.events.receiving import ME, A, available, publish
from tests.support.outbox import let_time_come, send_due
from tests.support.restoring import empty_house, write_all
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer
from vault.services.events.endpoints import EndpointChange
from vault.thread_pools import Threads

BUSY, TAKEN = Answer(status=503), Answer(status=204)


def numbers(house: House) -> list[int]:
    """Return the numbers of what the receiver got, in the order of their arrival."""
    return [json.loads(one.body)["sequence"] for one in house.outside.sent if one.url == A]


async def test_a_failure_holds_up_an_ordered_endpoint(either: House):
    """It gets the same event until it takes it, then the others by their numbers; without order, none waits for it."""
    service, account_id = either.vault.events.endpoints, either.account.id
    made = await service.make(account_id, EndpointChange(url=A, types=["*"], ordered=True), **ME)
    name = made.view.endpoint.id
    either.outside.answer(A, BUSY)
    for number in range(4):
        await available(either, f"rec-{number}")
    await publish(either)
    await send_due(either)
    assert len(numbers(either)) == 1
    assert not (await service.change(account_id, name, EndpointChange(ordered=False), **ME)).endpoint.ordered
    await send_due(either)
    assert len(set(numbers(either))) == 4
    assert (await service.change(account_id, name, EndpointChange(ordered=True), **ME)).endpoint.ordered
    assert (await service.change(account_id, name, EndpointChange(types=["*"]), **ME)).endpoint.ordered
    either.outside.sent.clear()
    either.outside.answer(A, TAKEN, BUSY, TAKEN)
    await send_due(either)
    await let_time_come(either)
    await send_due(either)
    first = numbers(either)[0]
    assert numbers(either) == [first, first + 1, first + 1, first + 2, first + 3]


async def test_a_restore_keeps_the_order(either: House, tmp_path: Path, threads: Threads):
    """Of an account whose rows are all lost."""
    await either.vault.events.endpoints.make(
        either.account.id, EndpointChange(url=A, types=["*"], ordered=True), **ME
    )
    await write_all(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        late.outside.answer(A, BUSY)
        while await late.vault.jobs.publish_events():
            pass
        for number in range(3):
            await available(late, f"after-{number}")
        await publish(late)
        await send_due(late)
        assert len(numbers(late)) == 1
        (view,) = await late.vault.events.endpoints.list(either.account.id)
        assert view.endpoint.ordered
