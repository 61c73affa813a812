"""A receiver that is switched off or deleted while very many messages wait for it: they go in batches."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.services.outbox.probe import IGNORES, Probe, attempts, destination, probe, probing, rows
from tests.support.outbox import let_time_come, put, send_due
from tests.support.service_house import House
from vault.database.sql import destinations
from vault.database.sql.destinations import TAKEN_DOWN, take_down_destinations
from vault.domain.outbox.attempt import Answer

A = "https://a.example/"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten."""
    monkeypatch.setattr(destinations, "BATCH_SIZE", 10)


async def waiting(either: House, number: int) -> House:
    """Return a house with so many messages for a destination, of which one was tried, and one for another."""
    house, _ = probing(either, Probe(sending_rules=IGNORES))
    house.outside.answer(A, Answer(status=500))
    await put(house, probe(house, "m00"))
    await send_due(house)
    assert len(await attempts(house)) == 1
    await put(house, *(probe(house, f"m{n:02}") for n in range(1, number)))
    # Noticed, and not sent: it rests until its time comes.
    return house


def ids(found: Sequence[Any]) -> list[str]:
    """Return the ids of messages."""
    return [one.id for one in found]


async def test_a_destination_is_deleted_in_batches(either: House):
    """One act deletes a batch; of the rest nothing is sent, and the job deletes it with the attempts and the row."""
    house = await waiting(either, 35)
    await put(house, probe(house, "other", "b"))
    await house.database.write(lambda tx: take_down_destinations(tx.connection, ["probe/a"]))
    assert len(await rows(house)) == 26
    assert (await destination(house)).account_id == TAKEN_DOWN
    house.outside.answer(A, Answer(status=204))
    await put(house, probe(house, "late"))
    await let_time_come(house)
    await send_due(house)
    assert [one.headers["webhook-id"] for one in house.outside.sent] == ["m00", "other"]
    await house.vault.jobs.send_outbox.empty_destinations()
    assert await rows(house) == []
    assert {one.destination for one in await attempts(house)} == {"probe/b"}
    assert await destination(house) is None
    assert await destination(house, "b") is not None


async def test_few_messages_go_at_once(either: House):
    """With the row, in the act itself."""
    house = await waiting(either, 5)
    await house.database.write(lambda tx: take_down_destinations(tx.connection, ["probe/a", "probe/none"]))
    assert (await rows(house), await attempts(house), await destination(house)) == ([], [], None)


async def test_a_switched_off_destination_is_emptied_in_batches(either: House):
    """What waits is deleted, but its row and its attempts stay: the account sees them."""
    house = await waiting(either, 35)
    house.outside.answer(A, Answer(status=410))
    await let_time_come(house)
    await send_due(house)
    assert 0 < len(await rows(house)) < 34
    await house.vault.jobs.send_outbox.empty_destinations()
    assert await rows(house) == []
    assert (await destination(house)).disabled_at is not None
    assert len(await attempts(house)) >= 2


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_what_is_set_again_gets_nothing_of_before(either: House, is_deleted: bool):
    """Although the batches have not ended; what comes after it is sent."""
    house = await waiting(either, 35)
    if is_deleted:
        await house.database.write(lambda tx: take_down_destinations(tx.connection, ["probe/a"]))
    else:
        house.outside.answer(A, Answer(status=410))
        await let_time_come(house)
        await send_due(house)
    before = len(house.outside.sent)
    house.outside.answer(A, Answer(status=204))
    await house.database.write(lambda tx: tx.outbox.set_up("probe/a"))
    await put(house, probe(house, "new"))
    await send_due(house)
    assert [one.headers["webhook-id"] for one in house.outside.sent[before:]] == ["new"]
    await house.vault.jobs.send_outbox.empty_destinations()
    count = select(func.count()).select_from(destinations.outbox_messages)
    assert await house.database.read(lambda tx: tx.connection.execute(count).scalar_one()) == 0
    assert (await destination(house)).account_id == house.account.id
