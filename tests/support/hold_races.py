"""Races of a hold with what erases: recordings that are due, and the check that no answered hold was passed over."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from tests.support.parties import let_in, set_policy
from tests.support.retention import kept, set_retention
from tests.support.service_house import House
from vault.domain.recordings.recording import GONE, State


async def prepared(house: House) -> None:
    """Set policies by which a withdrawal and the end of a day erase, and let the first run be over."""
    await set_policy(house, withdrawal="erase")
    await set_retention(house, kept(period="P1D"))
    await house.vault.jobs.retention_sweep()


async def due(house: House, n: int) -> tuple[str, str]:
    """Return a recording that is due, and its call."""
    call = f"call-{n}"
    recording_id = await let_in(house, f"rec-{n}", call_ref=call)
    await house.set(recording_id, call_ended_at=datetime(2020, 1, 1, tzinfo=UTC))
    await house.vault.jobs.apply_policies()
    return recording_id, call


async def _kinds(house: House, recording_id: str, hold_id: str) -> list[str]:
    """Return what the log says of the recording's erasure and of the hold, in its order."""
    while await house.vault.jobs.log_publisher.sequence():
        pass
    page = await house.database.read(
        lambda tx: tx.events.page(house.account.id, recording_id=None, start=0, limit=100_000)
    )
    return [
        logged.event.type
        for logged in page
        if (logged.event.type, logged.event.recording_id) == ("recording.erasing", recording_id)
        or (logged.event.type, logged.event.result) == ("hold.placed", hold_id)
    ]


async def checked(house: House, recording_id: str, hold_id: str) -> None:
    """Assert that the recording is there, or was erased before the hold was placed."""
    if await house.state(recording_id) in GONE:
        assert await _kinds(house, recording_id, hold_id) == ["recording.erasing", "hold.placed"]
    else:
        assert await house.state(recording_id) is State.AVAILABLE
        assert not await house.keys_gone(recording_id)


async def later(pause: float, work: Awaitable[Any]) -> Any:
    """Await work after a pause in seconds."""
    await asyncio.sleep(pause)
    return await work
