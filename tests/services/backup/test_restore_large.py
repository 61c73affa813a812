"""A restore of a great deal: PostgreSQL gives each transaction a few seconds, and no process has memory for a log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.services.audit_log.test_access_log import leaves_of
from tests.services.backup.test_restore import off
from tests.support.restoring import copied, house_over, write_all
from tests.support.service_house import House
from tests.support.statements import statements
from vault.composition.adapters import utc_now
from vault.database.engines.sqlite import SqliteDatabase
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.replay import Replay
from vault.domain.ids import new_id
from vault.domain.progress import Report, no_progress
from vault.services.backup.restore import name_what_is_lost
from vault.services.backup.restore_log import Divergence, RestoreLog
from vault.thread_pools import Threads


async def test_what_is_lost_is_counted_by_the_hundred(house: House):
    """Not row by row, and not in one transaction."""
    known = (await house.announce()).recording_id or ""
    lost = Replay(
        first_at=utc_now(), last_at=utc_now(), available={known, *(new_id("rec") for _ in range(1200))}
    )
    parted, report = Divergence(fork=0, size=1, lost=lost, own=Replay()), Report()
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
    assert "1200 available recordings were not restored" in report.notes[0]


async def test_what_was_only_heard_takes_no_memory(house: House, tmp_path: Path, threads: Threads):
    """Of the lost log a restore keeps what it does again, and the ids of closing acts: most of it is listening."""
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await off(house)
    recording = (await house.announce()).recording_id
    heard = [
        AccessEvent(
            type="playback.grant", at=utc_now(), account_id=house.account.id, actor="key_test", recording_id=recording
        )
        for _ in range(2000)
    ]  # fmt: skip
    await house.database.write(lambda tx: [tx.events.append(one) for one in heard])
    await write_all(house)
    [closed] = [
        one["id"] for one in map(json.loads, await leaves_of(house)) if one["type"] == "switch.changed"
    ]
    async with house_over(house, SqliteDatabase(old), threads) as back:
        log = RestoreLog(database=back.database, published_log=back.vault.backup.restore.published_log)
        parted = await log.compare(await back.vault.backup.restore.published_log.newest(), (), no_progress)
    assert parted.lost.leaves > 2000
    assert parted.ids == {closed}
    assert not parted.lost.recordings
