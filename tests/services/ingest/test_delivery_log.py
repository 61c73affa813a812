"""The delivery log as rows, on both databases: batches, counts, age, and what a database that is down costs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.support.service_house import House
from vault.database.schema.calls import connection_deliveries
from vault.database.schema.core import recordings
from vault.domain.calls.delivery_entry import DeliveryEntry, DeliveryFilter
from vault.domain.recordings.recording import State
from vault.errors import Unavailable
from vault.services.ingest.delivery_log import Answer

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TAKEN = Answer(status=202, outcome="accepted")


def entry(house: House, **said: Any) -> DeliveryEntry:
    """Return an entry."""
    made = DeliveryEntry(
        id="dlv_1", account_id=house.account.id, connection_id=house.connection_id, at=NOW, event="call.started",
        status=200, outcome="noted", reason=None, detail=None, recording_id=None,
    )  # fmt: skip
    return replace(made, **said)


async def put(house: House, *entries: DeliveryEntry) -> None:
    """Write entries."""
    await house.database.write(lambda tx: tx.deliveries.put(entries))


async def page(house: House, limit: int = 10, **wanted: Any) -> list[DeliveryEntry]:
    """Return the newest entries."""
    asked = DeliveryFilter(**wanted)
    found = await house.vault.ingest.deliveries.page(
        house.account.id, "main", asked, before=None, limit=limit
    )
    return list(found)


async def count(house: House) -> int:
    """Return the number of rows."""
    query = select(func.count()).select_from(connection_deliveries)
    return await house.database.read(lambda tx: int(tx.connection.execute(query).scalar_one()))


async def test_an_entry_is_as_it_was_written(either: House):
    """Each field; a later number of requests replaces the earlier one, and nothing else does."""
    full = entry(either, reason="r", detail="d", requests=3)
    await put(either, full, entry(either, id="dlv_0"))
    await put(either, replace(full, requests=9, detail="other"))
    assert await page(either) == [replace(full, requests=9), entry(either, id="dlv_0")]
    assert await page(either, limit=1) == [replace(full, requests=9)]


async def test_a_refused_recording_says_why(either: House):
    """The entry has the first reason of the recording; one that was erased is named by none."""
    await either.vault.accounts.switch.set(either.account.id, enabled=False, reason=None, actor="key_test")
    refused = (await either.announce()).recording_id
    await put(either, entry(either, outcome="refused", recording_id=refused))
    (found,) = await page(either)
    assert (found.reason, found.recording_id) == ("switch_off", refused)
    assert refused is not None
    await either.vault.recordings.recordings.erase(either.account.id, refused, actor="key_test")
    await put(
        either,
        entry(either, id="dlv_2", recording_id=refused),
        entry(either, id="dlv_3", recording_id="rec_0"),
    )
    assert [one.recording_id for one in await page(either)] == [None] * 3


async def test_the_end_of_an_erasure_thins_what_came_meanwhile(either: House):
    """An entry that was written beside the erasure does not name the recording for long."""
    recording = (await either.announce()).recording_id
    assert recording is not None
    await either.settle(recording)
    await either.vault.recordings.recordings.erase(either.account.id, recording, actor="key_test")
    await either.set(recording, state=str(State.AVAILABLE))
    await put(either, entry(either, recording_id=recording))
    await either.set(recording, state=str(State.ERASING))
    assert [one.recording_id for one in await page(either)] == [recording]
    assert await either.settle(recording) is State.ERASED
    assert [one.recording_id for one in await page(either)] == [None]


async def test_old_entries_are_deleted(either: House):
    """After 30 days, in batches."""
    now = datetime.now(UTC)
    old = [entry(either, id=f"dlv_{n}", at=now - timedelta(days=30, seconds=n)) for n in range(1, 1002)]
    await put(either, *old, entry(either, at=now - timedelta(days=29)))
    await either.vault.jobs.delivery_log.forget()
    assert await count(either) == 1


async def test_what_is_not_written_waits(either: House, monkeypatch: pytest.MonkeyPatch):
    """While the database is down nothing is lost, and more of a kind are still one entry; ``close`` writes it."""
    log = either.vault.ingest.deliveries
    await either.announce()
    with monkeypatch.context() as down:

        async def fail(*_: Any, **__: Any) -> Any:
            raise Unavailable("The database is down.")

        down.setattr(type(either.vault.ingest.deliveries.database), "write", fail)
        for _ in range(100):
            await log.note("platform", either.connection_id, TAKEN)
        assert not await log.write()
        await log.note("platform", either.connection_id, TAKEN)
        assert not await log.write()
    assert await count(either) == 0
    await log.close()
    assert sorted(one.requests for one in await page(either, limit=100)) == [1] * 60 + [41]


async def test_entries_that_wait_are_bounded(either: House, monkeypatch: pytest.MonkeyPatch):
    """However many kinds of answers: the oldest are dropped."""
    monkeypatch.setattr("vault.services.ingest.delivery_log._MAX_WAITING", 10)
    log = either.vault.ingest.deliveries
    await either.announce()
    for number in range(30):
        await log.note("platform", either.connection_id, replace(TAKEN, reason=f"r{number}"))
    await log.close()
    assert {one.reason for one in await page(either, limit=50)} == {f"r{n}" for n in range(20, 30)}


async def test_the_writer_ends_when_nothing_waits(either: House, monkeypatch: pytest.MonkeyPatch):
    """It begins with an answer, writes within its interval, and does not run on an idle vault."""
    monkeypatch.setattr("vault.services.ingest.delivery_log.INTERVAL", 0.01)
    log = either.vault.ingest.deliveries
    await either.announce()
    await log.note("platform", either.connection_id, TAKEN)
    (task,) = log._writing
    await task
    assert (await count(either), log._writing) == (1, set())
    query = select(func.count()).select_from(recordings)
    assert await either.database.read(lambda tx: tx.connection.execute(query).scalar_one()) == 1
