"""What is due for the object store, and rows made from it, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.database_rows import (
    NOW,
    OFF,
    announcement,
    available,
    begin_erasing,
    claim,
    columns,
    move,
    open_account,
    switch,
)
from tests.support.statements import statements
from tests.support.stored_account import KNOWN, having
from vault.database.account_parts.notices import NOTICES, StoredNotice
from vault.database.account_parts.objections import OBJECTIONS
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.stores.accounts.account_objects import Revisions
from vault.database.stores.consent.objections import ObjectionRow
from vault.domain.accounts.account import Connection, SwitchChange
from vault.domain.consent.consent_event import ConsentPolicy, Objection
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import Manifest
from vault.services.lifecycle.restore_states import restore_available, restore_tombstone

Database = SqliteDatabase | PostgresqlDatabase


async def revisions(database: Database) -> Revisions:
    """Return the account's revisions."""
    found = await database.read(lambda tx: tx.account_objects.revisions("acct_a"))
    assert found is not None
    return found


CHANGES = {
    "rename": lambda tx: tx.accounts.rename("acct_a", name="Other", locale="de"),
    "switch": lambda tx: tx.accounts.set_switch("acct_a", enabled=False, at=NOW, by="key_1", reason=None),
    "connection": lambda tx: tx.connections.put(
        Connection(
            id="conn_1", account_id="acct_a", name="main", provider="platform", sealed_credentials=b"c",
            key_version=1, api_base=None, delete_at_source=False, delete_refused=False, collect_from=NOW,
            next_url=None, pause_refused=False,
        )
    ),
    "policy": lambda tx: tx.policies.add("acct_a", ConsentPolicy(version=1, changed_at=NOW, changed_by="key_1")),
    "objection": lambda tx: tx.objections.add(
        ObjectionRow(
            id="obj_1", account_id="acct_a", term=b"t", sealed_number=b"n", key_version=1,
            objection=Objection(since=NOW, until=None, reason=None, by="key_1"),
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", list(CHANGES))
async def test_each_change_makes_the_object_due(database: Database, what: str):
    """It stays due until the revision that was read is written, and a change meanwhile keeps it so."""
    await open_account(database)
    assert await revisions(database) == Revisions(now=1, written=0)
    await database.write(lambda tx: tx.account_objects.written("acct_a", 1))
    assert list(await database.read(lambda tx: tx.account_objects.due(9))) == []
    await database.write(CHANGES[what])
    assert list(await database.read(lambda tx: tx.account_objects.due(9))) == ["acct_a"]
    known = await database.read(lambda tx: tx.account_objects.read("acct_a"))
    await database.write(lambda tx: tx.accounts.rename("acct_a", name="Third", locale="de"))
    await database.write(lambda tx: tx.account_objects.written("acct_a", known.revision))
    assert list(await database.read(lambda tx: tx.account_objects.due(9))) == ["acct_a"]
    now = await revisions(database)
    await database.write(lambda tx: tx.account_objects.written("acct_a", now.now))
    assert list(await database.read(lambda tx: tx.account_objects.due(9))) == []


async def test_what_left_has_its_tombstone_due(database: Database):
    """Refused at receipt, refused by the switch, erased: once each, and again once the state is another."""
    await open_account(database)
    gone = await available(database)
    waiting = announcement("ref-2")
    await database.announce(waiting)
    await switch(database, enabled=False)
    late = await database.announce(announcement("ref-3"))
    due = await database.read(lambda tx: tx.tombstones.due(9))
    assert {one.id: one.state for one in due} == {
        waiting.id: State.REFUSED, late.recording_id: State.REFUSED,
    }  # fmt: skip
    await database.write(lambda tx: tx.tombstones.written(due))
    assert list(await database.read(lambda tx: tx.tombstones.due(9))) == []
    for recording_id in (gone.id, waiting.id):
        await database.write(lambda tx, one=recording_id: begin_erasing(tx, "acct_a", one) and None)
        # A manifest that is written too late leaves the mark of the tombstone alone.
        held = await claim(database, (State.ERASING,))
        await database.write(lambda tx, one=held: move(tx, one, State.ERASED, erased_at=NOW) and None)
        await database.write(lambda tx, one=recording_id: tx.queue.manifest_written(one, 1))
    # Tombstones of the state before are written late, too.
    await database.write(lambda tx: tx.tombstones.written(due))
    after = await database.read(lambda tx: tx.tombstones.due(9))
    assert {one.id: one.state for one in after} == {gone.id: State.ERASED, waiting.id: State.ERASED}


async def copy_of(database: Database, recording_id: str) -> Manifest:
    """Return what the recording's manifest says."""

    def read(tx) -> Manifest:
        keys, chain = tx.recordings.keys(recording_id), tx.evidence.of_recording(recording_id)
        recording = tx.recordings.by_id(recording_id)
        return Manifest(
            recording=recording, keys=keys, chain=tuple((r.digest, r.sealed_entry) for r in chain)
        )

    return await database.read(read)


async def test_a_manifest_makes_its_row_and_never_undoes_an_end(database: Database):
    """Inserted, brought up to date, and left alone once it is refused or erased."""
    await open_account(database)
    recording = await available(database)
    known = await copy_of(database, recording.id)
    await database.write(lambda tx: tx.account_objects.written("acct_a", 1))
    fresh = replace(
        known,
        recording=replace(known.recording, id="rec_f", recording_ref="ref-f", attempts=0),
        chain=(("d", b"e"),),
    )
    assert await database.write(lambda tx: restore_available(tx, fresh))
    assert await copy_of(database, "rec_f") == fresh
    assert not (await columns(database, "rec_f"))["manifest_due"]
    other_key = replace(fresh, keys=replace(fresh.keys, key_version=2, wrapped_key=b"anew"))
    assert await database.write(lambda tx: restore_available(tx, other_key))
    assert await copy_of(database, "rec_f") == other_key
    # With less of the evidence than the row it is the older of the two, and is written again.
    older = replace(other_key, recording=replace(fresh.recording, restricted=True), chain=())
    assert await database.write(lambda tx: restore_available(tx, older))
    assert await copy_of(database, "rec_f") == other_key
    assert (await columns(database, "rec_f"))["manifest_due"]
    taken = replace(known, recording=replace(known.recording, id="rec_t"))
    assert not await database.write(lambda tx: restore_available(tx, taken))
    await database.write(lambda tx: begin_erasing(tx, "acct_a", "rec_f") and None)
    assert not await database.write(lambda tx: restore_available(tx, fresh))
    assert (await columns(database, "rec_f"))["wrapped_key"] is None


async def test_a_tombstone_shreds_what_it_finds(database: Database):
    """An erased recording is to be removed once more, a refused one is refused; what passed the gate stays."""
    await open_account(database)
    kept, gone = await available(database), await available(database, "ref-2")
    await database.announce(announcement("ref-3", id="rec_3"))
    waiting = await database.read(lambda tx: tx.recordings.by_id("rec_3"))
    assert waiting is not None

    def bury(tx) -> None:
        restore_tombstone(tx, replace(gone, state=State.ERASED, erased_at=NOW))
        restore_tombstone(tx, replace(waiting, state=State.REFUSED, reasons=(OFF,)))
        restore_tombstone(tx, replace(kept, state=State.REFUSED))
        restore_tombstone(tx, replace(kept, id="rec_4", recording_ref="ref-4", state=State.ERASED))

    for _ in range(2):
        await database.write(bury)
    states = {one: (await columns(database, one))["state"] for one in (kept.id, gone.id, "rec_3", "rec_4")}
    assert states == {kept.id: "available", gone.id: "erasing", "rec_3": "refused", "rec_4": "erased"}
    for one in (gone.id, "rec_3"):
        row = await columns(database, one)
        assert (row["wrapped_key"], row["sealed_details"], row["sealed_announcement"]) == (None, None, None)
    assert (await columns(database, "rec_3"))["manifest_due"]


async def test_a_history_sets_the_switch(database: Database):
    """Whether it went off is by the epoch; setting the same once more changes nothing."""
    await open_account(database)
    history = list(await database.read(lambda tx: tx.accounts.switch_history("acct_a")))
    assert not await database.write(lambda tx: tx.restore.switch("acct_a", history))
    off = SwitchChange(enabled=False, epoch=1, at=NOW + timedelta(hours=1), by="key_1", reason="why")
    assert await database.write(lambda tx: tx.restore.switch("acct_a", [*history, off]))
    assert not await database.write(lambda tx: tx.restore.switch("acct_a", [*history, off]))
    assert list(await database.read(lambda tx: tx.accounts.switch_history("acct_a"))) == [*history, off]
    now = await database.read(lambda tx: tx.accounts.switch("acct_a"))
    assert (now.enabled, now.epoch, now.changed_at, now.changed_by) == (False, 1, off.at, "key_1")


async def test_a_large_account_takes_few_statements(database: Database):
    """All its objections and notices come in within the seconds of one transaction, and are changed as fast."""
    account_id, [one], [spoken] = KNOWN.account.id, KNOWN[OBJECTIONS], KNOWN[NOTICES]
    objections = tuple(replace(one, id=f"obj_{number:04}") for number in range(1000))
    notices = tuple(
        StoredNotice(notice=replace(spoken.notice, id=f"ntc_{number:02}", version=number), prompt=None)
        for number in range(1, 41)
    )
    known = having(KNOWN, {OBJECTIONS: objections, NOTICES: notices})
    changed = tuple(replace(one, term=one.id.encode()) for one in objections)
    for state in (known, having(known, {OBJECTIONS: changed})):
        with statements(database) as counted:
            await database.write(lambda tx, state=state: tx.restore.account(state, {}))
        # Of 1,041 rows.
        assert len(counted) < 100
        assert max(counted) < 30_000
        found = await database.read(lambda tx: tx.account_objects.read(account_id))
        assert found[OBJECTIONS] == state[OBJECTIONS]
        assert found[NOTICES] == state[NOTICES]
