"""What is told 30 days before its erasure: each recording once for its date, and none that a hold keeps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.services.events.receiving import endpoint, told
from tests.support.parties import let_in
from tests.support.retention import kept, place, release, set_retention
from tests.support.service_house import House
from vault.services.retention import tell_due_soon

TYPE = "retention.due_soon"


async def ended(house: House, ref: str, *, days: int) -> str:
    """Return an available recording of a call that ended so many days ago."""
    recording_id = await let_in(house, ref, call_ref=f"call of {ref}")
    await house.set(recording_id, call_ended_at=datetime.now(UTC) - timedelta(days=days))
    return recording_id


async def policy(house: House, period: str = "P90D", name: str = "all", **more: Any) -> None:
    """Set a policy that is in force, and apply it."""
    await set_retention(house, kept(name, period=period, **more))
    await house.vault.jobs.apply_policies()


async def due(house: House) -> list[tuple[str, str]]:
    """Run the job; return what was told since the last time, by recording and date."""
    await house.vault.jobs.tell_due_soon()
    house.outside.sent.clear()
    said = [one["data"] for one in await told(house) if one["type"] == TYPE]
    return [(one["recording"], one["due"]) for one in said]


async def date(house: House, recording_id: str) -> str:
    """Return the date of a recording by its row."""
    marks = await house.database.read(lambda tx: tx.retention.marks(recording_id))
    assert marks is not None
    return f"{marks.act_at:%Y-%m-%d}"


async def test_each_is_told_once_for_its_date(either: House):
    """What is due later is told later; a policy that moves a date tells it again, one that does not tells nothing."""
    await endpoint(either, types=[TYPE])
    near, far = await ended(either, "near", days=70), await ended(either, "far", days=52)
    await policy(either)
    first = await date(either, near)
    assert await due(either) == [(near, first)]
    assert await due(either) == []
    assert TYPE in await either.events(near)
    await policy(either, name="another-name")
    assert await due(either) == []
    await policy(either, "P80D")
    assert first > await date(either, near)
    assert await due(either) == [(one, await date(either, one)) for one in (near, far)]


async def test_a_hold_is_told_when_it_is_released(either: House):
    """Not before; then with the end of its grace, which is later than the end of the period."""
    await endpoint(either, types=[TYPE])
    near = await ended(either, "near", days=89)
    hold = (await place(either, everything=True)).hold
    await policy(either)
    assert await due(either) == []
    await release(either, hold.id)
    free_at = (await either.vault.retention.holds.read(either.account.id, hold.id)).hold.free_at
    assert free_at is not None
    assert free_at > datetime.now(UTC) + timedelta(days=2)
    assert await due(either) == [(near, f"{free_at:%Y-%m-%d}")]
    assert await due(either) == []


async def test_what_a_person_reviews_is_not_told(either: House):
    """It is not erased by time."""
    await endpoint(either, types=[TYPE])
    await ended(either, "near", days=70)
    await policy(either, at_end="review")
    assert await due(either) == []


async def test_an_account_that_does_not_receive_it_has_no_entry(either: House):
    """Its recordings stay to be told, to the endpoint that wants it."""
    await endpoint(either, types=["recording.erased"])
    near = await ended(either, "near", days=70)
    await policy(either)
    assert await either.vault.jobs.tell_due_soon() == 0
    assert TYPE not in await either.events(near)
    await endpoint(either, "https://b.example/hook", [TYPE])
    assert await either.vault.jobs.tell_due_soon() == 1


async def test_many_are_told_in_batches(either: House, monkeypatch: pytest.MonkeyPatch):
    """A run ends at its limit, and the next one goes on."""
    monkeypatch.setattr(tell_due_soon, "_BATCH_SIZE", 2)
    monkeypatch.setattr(tell_due_soon, "_MOST", 4)
    await endpoint(either, types=[TYPE])
    every = {await ended(either, f"near-{number}", days=70) for number in range(5)}
    await policy(either)
    assert await either.vault.jobs.tell_due_soon() == 4
    assert await either.vault.jobs.tell_due_soon() == 1
    assert {one["data"]["recording"] for one in await told(either) if one["type"] == TYPE} == every


async def test_a_wrong_clock_tells_nothing(either: House):
    """As it erases nothing."""
    await endpoint(either, types=[TYPE])
    await ended(either, "near", days=70)
    await policy(either)
    assert (await either.vault.jobs.retention_sweep()).first
    job = either.vault.jobs.tell_due_soon
    late = replace(job.clock, clock=lambda: datetime.now(UTC) - timedelta(days=1))
    assert await replace(job, clock=late)() == 0
    await job.clock.resume(actor="operator")
    assert await job() == 1
