"""A restore of a great deal: PostgreSQL gives each transaction a few seconds, and no process has memory for a log."""

from collections.abc import Callable
from typing import Any

from tests.database.statements import statements
from tests.workflows.conftest import House
from vault.domain.ids import new_id
from vault.domain.replay import Replay
from vault.domain.restoring import Report
from vault.wiring import utc_now
from vault.workflows.restore_log import Parted
from vault.workflows.restore_report import name_what_is_lost


async def test_what_is_lost_is_counted_by_the_hundred(house: House):
    """Not row by row, and not in one transaction."""
    known = (await house.announce()).recording_id or ""
    lost = Replay(
        first_at=utc_now(), last_at=utc_now(), available={known, *(new_id("rec") for _ in range(1200))}
    )
    parted, report = Parted(fork=0, size=1, lost=lost, own=Replay()), Report()
    reads, read = 0, house.database.read

    async def watching(function: Callable[[Any], Any]) -> Any:
        nonlocal reads
        reads += 1
        return await read(function)

    house.database.read = watching  # type: ignore[method-assign]
    with statements() as counted:
        await name_what_is_lost(house.database, parted, report)
    assert reads >= 3
    assert len(counted) < 20
    assert max(counted) <= 500
    assert "1200 available recordings did not come back" in report.notes[0]
