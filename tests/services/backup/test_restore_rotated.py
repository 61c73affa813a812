"""Restoring where the account's key was rotated: by the new version, and never by one that was destroyed.

A restore of a great deal: PostgreSQL gives each transaction a few seconds, and no process has memory for a log.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from tests.services.audit_log.test_access_log import leaves_of
from tests.services.backup.test_restore import off
from tests.support.parties import kept_apart, set_policy
from tests.support.restoring import available, copied, empty_house, house_over, write_all
from tests.support.rotation import before_months, rotate, step
from tests.support.service_house import AUDIO, House
from tests.support.statements import statements
from vault.composition.adapters import utc_now
from vault.database.account_parts.keys import KEYS
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.core import recordings
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.audit_log.replay import Replay
from vault.domain.ids import new_id
from vault.domain.progress import Report, no_progress
from vault.domain.recordings.recording import State
from vault.errors import NotFound
from vault.services.backup.restore import name_what_is_lost
from vault.services.backup.restore_log import Divergence, RestoreLog
from vault.services.playback.link_request import LinkRequest
from vault.thread_pools import Threads


async def rotated(house: House) -> None:
    """Rotate the account's key to its end: version 1 is destroyed."""
    await rotate(house)
    for _ in range(6):
        await step(house)
    with pytest.raises(NotFound):
        await house.database.read(lambda tx: tx.accounts.wrapped_key(house.account.id, 1))


async def versions_of(house: House) -> set[int]:
    """Return the versions of the account's key that the database has."""
    known = await house.database.read(lambda tx: tx.account_objects.read(house.account.id))
    return set(known[KEYS].versions)


async def test_a_rotated_key_comes_back_alone(house: House, tmp_path: Path, threads: Threads):
    """The bucket has the new version and no copy of the old one; recordings of before and after play."""
    before = await available(house, "rec-1")
    await rotated(house)
    after = await available(house, "rec-2", call_ref="call-2")
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await versions_of(new) == {2}
        for one in (before, after):
            assert await new.heard(one) == AUDIO
        assert await new.announce("rec-3")


async def test_an_old_copy_forgets_a_version_that_was_destroyed(
    house: House, tmp_path: Path, threads: Threads
):
    """Its rows are brought under the new version by their manifests; what only the old one opens goes."""
    said = {"from": "+4915112345678", "to": "+33612345678"}
    before = await available(house, "rec-1", **said)
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(hours=1), sessions=1)
    await house.vault.playback.links.create(house.account.id, before, wish, actor="key_test")
    waiting = (await house.announce("rec-2", call_ref="call-2")).recording_id
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await house.vault.recordings.recordings.erase(house.account.id, waiting, actor="key_test")
    await house.settle(waiting)
    for key in [key for key in house.objects.objects if key.startswith("tombstones/")]:
        del house.objects.objects[key]
    await rotated(house)
    await off(house)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        assert await versions_of(new) == {1}
        assert (await new.vault.backup.restore(actor="operator")).findings == []
        assert await versions_of(new) == {2}
        assert await new.heard(before) == AUDIO
        view = await new.vault.recordings.recordings.read(new.account.id, before)
        assert (view.facts.caller, view.facts.callee) == ("+4915112345678", "+33612345678")
        assert await new.vault.playback.links.list(new.account.id, before) == []
        assert await new.keys_gone(waiting)


async def test_what_only_a_destroyed_version_opens_is_given_up(
    house: House, tmp_path: Path, threads: Threads
):
    """A recording was on its way in the old copy, and the log does not say what became of it: failed, and said."""
    waiting, month = [(await house.announce(f"rec-{number}")).recording_id for number in (1, 2)]
    await before_months(house, but=month)
    await house.set(waiting, not_before=datetime(2100, 1, 1, tzinfo=UTC))
    old = copied(house, tmp_path / "old")
    await house.database.write(lambda tx: tx.connection.execute(delete(recordings)) and None)
    await rotated(house)
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as new:
        report = await new.vault.backup.restore(actor="operator")
        # The rotation has wrapped the month key again, so the other recording goes on.
        assert await new.settle(month) is State.AVAILABLE
        assert [
            line.startswith(f"{house.account.id}: 1 recordings in flight") for line in report.findings
        ] == [True]
        assert await new.state(waiting) is State.FAILED
        assert await new.keys_gone(waiting)


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
    with statements(house.database) as counted:
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


async def test_what_was_in_quarantine_is_counted(house: House, tmp_path: Path, threads: Threads):
    """Also from the bucket alone: what was decided since is not lost, and neither is what comes in again."""
    await set_policy(house)
    names = ("waits", "waits too", "released", "refused", "erased")
    ids = {name: await kept_apart(house, name, call_ref=name) for name in names}
    quarantine = house.vault.recordings.quarantine
    await quarantine.release(house.account.id, ids["released"], reason="heard", actor="key_test")
    await quarantine.refuse(house.account.id, ids["refused"], reason="not told", actor="key_test")
    await house.vault.recordings.recordings.erase(house.account.id, ids["erased"], actor="key_test")
    await write_all(house)
    async with empty_house(house, tmp_path / "new", threads) as new:
        notes = (await new.vault.backup.restore(actor="operator")).notes
    assert [note.partition(":")[0] for note in notes] == ["2 recordings in quarantine were not restored"]
