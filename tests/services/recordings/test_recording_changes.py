"""Changes that are committed late are found: on both databases, whatever the order of the commits."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.event_types.table import EVENT_TYPES
from vault.domain.ids import new_id
from vault.domain.recordings.recording import State
from vault.domain.recordings.transitions import CHANGES, TRANSITIONS

_WRITERS: Final = 8


def test_each_change_of_state_is_seen_in_the_log():
    """But for progress of the work: a state in which a recording stays is never come to without an entry."""
    stays = {State.QUARANTINED, State.AVAILABLE, State.REFUSED, State.FAILED, State.ERASING, State.ERASED}
    assert {one.target for one in TRANSITIONS if one.event is not None} >= stays
    assert all(one.event in CHANGES for one in TRANSITIONS if one.target in stays)
    assert set(EVENT_TYPES) >= CHANGES


async def changed(house: House, place: int) -> tuple[list[str], int]:
    """Return what has changed from a place on, and where to go on."""
    found: list[str] = []
    while True:
        changes = await house.vault.recordings.recordings.changes(house.account.id, place, limit=3)
        found, place = [*found, *changes.ids], changes.until
        if not changes.more:
            return found, place


def entry(house: House, recording_id: str) -> AccessEvent:
    """Return an entry that says that a recording has changed."""
    return AccessEvent(
        type="source.deleted", at=datetime.now(UTC), account_id=house.account.id, actor="key_test",
        recording_id=recording_id,
    )  # fmt: skip


async def test_a_reader_beside_writers_misses_nothing(either: House):
    """Transactions that end in another order than they began; the reader goes on from where it was, all the time."""
    ids = [[new_id("rec") for _ in range(12)] for _ in range(_WRITERS)]
    seen: list[str] = []
    place, done = await either.vault.recordings.recordings.place(), asyncio.Event()

    async def work(number: int) -> None:
        for turn, recording_id in enumerate(ids[number]):
            await asyncio.sleep(0)

            def change(
                tx: Transaction, recording_id: str = recording_id, slow: bool = (turn + number) % 3 == 0
            ) -> None:
                tx.events.append(entry(either, recording_id))
                if slow and tx.connection.dialect.name == "postgresql":
                    # Others that drew their number later are committed before.
                    tx.connection.exec_driver_sql("SELECT pg_sleep(0.02)")

            await either.database.write(change)

    async def read() -> None:
        nonlocal place
        while True:
            ended = done.is_set()
            await either.vault.jobs.log_publisher.sequence()
            found, place = await changed(either, place)
            seen.extend(found)
            if ended:
                return
            await asyncio.sleep(0.001)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(work(number) for number in range(_WRITERS)))
    done.set()
    await reading
    assert sorted(seen) == sorted(one for some in ids for one in some)
