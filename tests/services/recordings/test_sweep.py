"""The sweep costs nothing for what did not change, and the slow scan finds what nobody noted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.objects import Kept
from tests.services.backup.test_restore import erased
from tests.support.moved_rows import deleted_keys_left
from tests.support.parties import set_policy
from tests.support.restoring import available
from tests.support.service_house import House
from tests.support.statements import statements
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.recordings.object_checks import note_object_checks
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.domain.stored.vault_facts import SCAN, decode_scan, encode_scan
from vault.services.audit_log.store_loss import note_loss
from vault.services.ingest.store_attempt import objects_of


async def aged(house: House, **changes: Any) -> int:
    """Sweep two days later, by default without the slow scan."""
    for kept in house.objects.objects.values():
        kept.at -= timedelta(days=2)
    later = datetime.now(UTC) + timedelta(days=2)
    sweep = replace(house.vault.jobs.sweep, **({"scan_objects": 0, "grace": -timedelta(days=1)} | changes))
    return await replace(sweep, clock=lambda: later)()


async def test_an_archive_without_changes_costs_nothing(house: House):
    """Once the noted recordings are checked: one request, and as many statements, however many there are."""
    costs = []
    for count in (2, 20):
        for number in range(count):
            await available(house, f"rec-{count}-{number}", call_ref=f"call-{count}-{number}")
        await erased(house, f"gone-{count}")
        while await house.vault.jobs.write_manifests():
            pass
        await house.sweep()
        await aged(house)
        calls = len(house.objects.calls)
        with statements(house.database) as counted:
            assert await house.vault.jobs.sweep() == 0
        costs.append((house.objects.calls[calls:], len(counted)))
    assert costs[0][0] == ["abort_uploads"]
    assert costs[1] == costs[0]


async def test_an_attempt_that_died_is_noted_by_the_next(house: House):
    """Its object is deleted without any listing of the archive."""
    recording_id = (await house.announce()).recording_id or ""
    await house.set(recording_id, attempts=1)  # Somebody claimed it and died.
    orphan = f"{objects_of(house.account.id, recording_id)}dead.audio"
    await house.objects.put(orphan, b"x")
    assert await house.settle(recording_id) is State.AVAILABLE
    location = (await house.row(recording_id)).audio
    # It is young: its writer may be about to name it.
    assert await replace(house.vault.jobs.sweep, scan_objects=0)() == 0
    await house.database.write(make_due)
    assert await aged(house) == 1
    assert location is not None
    assert house.audio_objects() == [location.location]
    assert await house.database.read(lambda tx: tx.object_checks.due(limit=9)) == []


def make_due(tx: Any) -> None:
    """Let the pause of every check be over."""
    tx.connection.exec_driver_sql("UPDATE object_checks SET due_at = 0")


async def test_a_manifest_written_while_its_recording_is_checked_stays(house: House):
    """The row of a repeated attempt is checked just when the recording passes its gate."""
    recording_id = (await house.announce()).recording_id or ""
    await house.database.write(
        lambda tx: note_object_checks(tx.connection, [(recording_id, house.account.id)])
    )
    size = house.objects.size

    async def size_after_the_gate(key: str) -> int:
        await house.settle(recording_id)
        return await size(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.objects, "size", size_after_the_gate)
        assert await replace(house.vault.jobs.sweep, scan_objects=0)() == 0
    assert await house.state(recording_id) is State.AVAILABLE
    assert location_of(house.account.id, recording_id) in house.objects.objects


async def test_a_first_attempt_is_not_noted(house: House):
    """What goes well costs no statement and no check."""
    await available(house, "rec-1")
    assert await house.database.read(lambda tx: tx.object_checks.due(limit=9)) == []


@pytest.mark.parametrize("how", ["erase", "switch"])
async def test_what_lost_its_keys_is_checked(house: House, how: str):
    """A manifest or an object that was written too late is deleted, without any listing of the archive."""
    if how == "erase":
        recording_id = await available(house, "rec-1")
        while await house.vault.jobs.write_manifests():
            pass
        late = location_of(house.account.id, recording_id)
        body = house.objects.objects[late].body
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
        assert await house.settle(recording_id) is State.ERASED
    else:
        await set_policy(house)  # It lacks evidence, so it waits in quarantine.
        recording_id = (await house.announce()).recording_id or ""
        assert await house.vault.jobs.ingest()
        assert await house.state(recording_id) is State.QUARANTINED
        late = f"{objects_of(house.account.id, recording_id)}late.audio"
        body = bytearray(b"x")
        await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
        assert await house.state(recording_id) is State.REFUSED
    house.objects.objects[late] = Kept(body, datetime.now(UTC))
    if how == "erase":
        # It has a key: no grace period.
        assert await replace(house.vault.jobs.sweep, scan_objects=0)() == 1
    else:
        assert await aged(house) == 2
    assert late not in house.objects.objects


async def test_the_slow_scan_goes_on_where_it_was(house: House):
    """Some objects per sweep, from the last key on; a new pass begins a week after the last one began."""
    for number in range(5):
        await house.objects.put(f"recordings/acct_0/rec_{number}/foreign.audio", b"x")
    removed = [await aged(house, scan_objects=2) for _ in range(4)]
    assert removed == [2, 2, 1, 0]
    await house.objects.put("recordings/acct_0/rec_0/foreign.audio", b"x")
    assert await aged(house, scan_objects=2) == 0
    state = await house.database.read(lambda tx: tx.metadata.get(SCAN))
    scan = decode_scan(state or b"")
    assert scan.done
    assert scan.began is not None
    week_ago = replace(scan, began=scan.began - timedelta(days=7))
    await house.database.write(lambda tx: tx.metadata.replace({SCAN: encode_scan(week_ago)}))
    assert await aged(house, scan_objects=2) == 1


async def test_a_store_that_went_back_is_scanned_at_once(house: House):
    """Old objects may have come back, also manifests of erased recordings, which have keys."""
    recording_id = await available(house, "rec-1")
    while await house.vault.jobs.write_manifests():
        pass
    place = location_of(house.account.id, recording_id)
    body = house.objects.objects[place].body
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor="key_test")
    await house.settle(recording_id)
    for _ in range(2):
        await aged(house)
    assert await house.sweep() == 0
    house.objects.objects[place] = Kept(body, datetime.now(UTC))
    assert await replace(house.vault.jobs.sweep, scan_objects=1)() == 0
    await house.database.write(lambda tx: note_loss(tx, found=0, known=1, published=0, actor="operator"))
    assert await replace(house.vault.jobs.sweep, scan_objects=1)() == 1
    assert place not in house.objects.objects


async def test_deleted_keys_leave_the_pages_that_rows_were_moved_from(house: House):
    """SQLite leaves copies of rows that it moves; the sweep overwrites them, as ``scrub`` alone does not."""
    assert isinstance(house.database, SqliteDatabase)
    left = await deleted_keys_left(house.database)
    await house.sweep()
    content = house.database.path.read_bytes()
    assert not [key for key in left if key in content]
