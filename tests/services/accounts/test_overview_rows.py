"""The numbers of the overview: what they count, by which indexes, and that their cost is bounded."""

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import event, insert, select

from tests.support.service_house import House
from vault.database.schema.calls import call_facts
from vault.database.schema.core import recordings
from vault.database.stores.accounts.overview import LIMIT
from vault.domain.recordings.recording import State
from vault.services.accounts.overview import Numbers

_DAY = timedelta(days=1)


async def test_what_is_set_aside_is_counted_by_reason_and_by_the_days_that_are_left(either: House):
    """The first reason counts; a moment a day ahead is still of today; no date is no day."""
    account_id, now = either.account.id, either.vault.accounts.overview.clock()
    waits = [now - _DAY, now + timedelta(hours=1), now + _DAY, now + 3 * _DAY, now + 40 * _DAY, None]
    ids = [str((await either.announce(f"rec-{n}")).recording_id) for n in range(10)]
    for one, until in zip(ids, waits, strict=False):
        await either.set(one, state=str(State.QUARANTINED), quarantined_until=until)
    for one, code in zip(ids[6:], ("switched_off", "objection", "switched_off", None), strict=True):
        reasons = [] if code is None else [{"code": code, "text": "t"}, {"code": "other", "text": "t"}]
        await either.set(one, state=str(State.REFUSED), reasons=reasons)
    numbers: Numbers = await either.vault.accounts.overview.numbers(account_id)
    refusals = {one.reason: one.number for one in numbers.counts if one.kind == "refused"}
    assert refusals == {"switched_off": 2, "objection": 1, "unknown": 1}
    assert {left: numbers.quarantined[left] for left in (-1, 0, None)} == {-1: 1, 0: 2, None: 1}
    assert sum(numbers.quarantined.values()) == 6
    needs = await either.vault.accounts.overview.needs(account_id, kinds=(), actor="key_1")
    assert (needs.quarantined, needs.unmailed) == (numbers.quarantined, 0)


async def test_no_number_reads_a_table_whole(house: House):
    """Each statement of the overview searches by an index that begins with the account, or reads a few rows."""

    def plans(tx: Any) -> list[str]:
        sent: list[tuple[str, Any]] = []

        def note(*call: Any) -> None:
            sent.append(call[2:4])

        event.listen(tx.connection, "before_cursor_execute", note)
        now = tx.now()
        rows = tx.overview
        rows.quarantined(house.account.id, now)
        for count in (rows.held, rows.queued, rows.erasures_waiting):
            count(house.account.id)
        tx.call_facts.without_recording(house.account.id, now - 14 * _DAY, now, among=LIMIT)
        event.remove(tx.connection, "before_cursor_execute", note)
        return [
            " ".join(row[3] for row in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given))
            for text, given in sent
        ]

    found = await house.database.read(plans)
    assert len(found) == 5
    for plan in found:
        assert "SCAN recordings" not in plan, plan
        assert "SCAN call_facts" not in plan, plan
    for plan, index in ((found[0], "set_aside"), (found[2], "waiting")):
        # The rows are not read: a thousand of them lie far apart.
        assert f"USING COVERING INDEX ix_recordings_{index}" in plan, plan
    assert "ix_call_facts_ended" in found[-1]
    assert "ix_recordings_call" in found[-1]


async def test_every_recording_of_a_day_is_counted(either: House):
    """More than a thousand, by outcome."""
    account_id, now = either.account.id, either.vault.accounts.overview.clock()
    made = (await either.announce("rec-0")).recording_id
    states = {
        State.AVAILABLE: 1200,
        State.ERASED: 40,
        State.RETRY_WAIT: 30,
        State.REFUSED: 20,
        State.FAILED: 9,
    }

    def fill(tx: Any) -> None:
        row = tx.connection.execute(select(recordings).where(recordings.c.id == made)).mappings().one()
        rows = [
            dict(row) | {"id": f"rec_{state}_{n}", "recording_ref": f"{state} {n}", "state": str(state)}
            for state, count in states.items()
            for n in range(count)
        ]
        for n, one in enumerate(rows):
            one["received_at"] = now - timedelta(seconds=n)
        tx.connection.execute(insert(recordings), rows)

    await either.database.write(fill)
    numbers = await either.vault.accounts.overview.numbers(account_id)
    counts = Counter[str]()
    for one in numbers.counts:
        counts[one.kind] += one.number
    assert counts == {"available": 1200, "erased": 40, "waiting": 31, "refused": 20, "failed": 9}


async def test_a_count_stops_at_its_limit(house: House):
    """A thousand reports of an end are looked at, however many there are."""
    account_id, now = house.account.id, house.vault.accounts.overview.clock()

    def fill(tx: Any) -> None:
        common = {"account_id": account_id, "at": now, "sealed_facts": b"x", "key_version": 1}
        rows = [
            common | {"id": f"fact_{n}", "call_ref": f"c{n}", "delivery": f"d{n}", "ended_at": now - _DAY}
            for n in range(LIMIT + 200)
        ]
        tx.connection.execute(insert(call_facts), rows)

    await house.database.write(fill)
    assert (await house.vault.accounts.overview.numbers(account_id)).without_recording == LIMIT


async def test_a_call_is_missing_once_however_often_its_end_was_reported(either: House):
    """The last report of an end says where it stands in the list; a report without an end is none."""
    account_id, now = either.account.id, either.vault.accounts.overview.clock()
    reports = [("c1", 5), ("c2", 4), ("c1", 3), ("c3", 2), ("c3", None)]

    def fill(tx: Any) -> None:
        common = {"account_id": account_id, "at": now, "sealed_facts": b"x", "key_version": 1}
        for n, (ref, hours) in enumerate(reports):
            ended = None if hours is None else now - timedelta(hours=hours)
            row = common | {"id": f"fact_{n}", "call_ref": ref, "delivery": f"d{n}", "ended_at": ended}
            tx.connection.execute(insert(call_facts), row)

    await either.database.write(fill)
    found = await either.database.read(
        lambda tx: (
            tx.call_facts.without_recording(account_id, now - _DAY, now, among=LIMIT),
            tx.call_facts.ends_of(account_id, ["c1", "c3"]),
        )
    )
    assert found[0] == ["c3", "c1", "c2"]
    assert {ref: len(ends) for ref, ends in found[1].items()} == {"c1": 2, "c3": 1}
