"""Month keys in the database: added under the current version, in the account's object, restored, and counted."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.database_rows import (
    NOW,
    announcement,
    available,
    claim,
    columns,
    move,
    open_account,
)
from tests.support.stored_account import KNOWN, having
from vault.database.account_object import AccountObject
from vault.database.account_parts.connections import CONNECTIONS
from vault.database.account_parts.keys import KEYS, row_of_month_key
from vault.database.account_parts.notices import NOTICES
from vault.database.interface import Database
from vault.database.schema.account_keys import month_keys
from vault.database.schema.core import recordings
from vault.database.sql.dialect import insert_new
from vault.database.stores.calls.call_facts import CallFactRow
from vault.domain.accounts.account_keys import KeyRotation, WrappedMonthKey
from vault.domain.recordings.recording import State
from vault.errors import KeyRetired, NotFound
from vault.services.lifecycle.restore_states import destroy_key, fail_without_key

OCTOBER = WrappedMonthKey(id="2026-10-00000000", number=1, wrapped=b"october", key_version=1)
NOVEMBER = WrappedMonthKey(id="2026-11-00000000", number=1, wrapped=b"november", key_version=1)
DECEMBER = WrappedMonthKey(id="2026-12-00000000", number=1, wrapped=b"december", key_version=1)
#: Of another history, or of another version.
OTHER = WrappedMonthKey(id="2026-11-ffffffff", number=1, wrapped=b"other", key_version=1)
LATER = WrappedMonthKey(id="2026-11-22222222", number=2, wrapped=b"later", key_version=2)
ROTATION = KeyRotation(
    account_id="acct_a", version=1, begun_at=NOW, begun_by="key_1", rewrapped=0, settled_at=None,
    destroyed_at=None, statement=None,
)  # fmt: skip
FACT = CallFactRow(
    id="fact_1", account_id="acct_a", call_ref="call-1", delivery="d1", at=NOW, started_at=None, ended_at=None,
    sealed_facts=b"facts", key_version=1,
)  # fmt: skip


async def add(database: Database, *keys: WrappedMonthKey) -> None:
    await database.write(lambda tx: tx.month_keys.add("acct_a", keys))


async def rotate(database: Database) -> None:
    await database.write(lambda tx: tx.rotations.begin(ROTATION, wrapped_key=b"wrapped 2"))


async def ids(database: Database) -> list[str]:
    known = await database.read(lambda tx: tx.account_objects.read("acct_a"))
    return [key.id for key in known[KEYS].month_keys]


async def test_keys_are_found_by_id_and_by_month(database: Database):
    """Only those of this account, version and time; what is not there is not found."""
    await open_account(database)
    await open_account(database, "acct_b")
    await add(database, OCTOBER, NOVEMBER, DECEMBER)
    assert await database.read(lambda tx: tx.month_keys.get("acct_a", NOVEMBER.id)) == NOVEMBER
    with pytest.raises(NotFound):
        await database.read(lambda tx: tx.month_keys.get("acct_b", NOVEMBER.id))
    for account_id, number, wanted in (
        ("acct_a", 1, [NOVEMBER, DECEMBER]),
        ("acct_a", 2, []),
        ("acct_b", 1, []),
    ):
        assert wanted == await database.read(
            lambda tx, a=account_id, n=number: tx.month_keys.of_months(a, n, "2026-11", "2026-12")
        )


async def test_a_new_key_makes_the_account_object_due(database: Database):
    """A bucket without it could not open the recordings of the month."""
    await open_account(database)
    await database.write(lambda tx: tx.account_objects.written("acct_a", 1))
    await add(database, NOVEMBER)
    assert list(await database.read(lambda tx: tx.account_objects.due(9))) == ["acct_a"]
    assert await ids(database) == [NOVEMBER.id]


async def test_none_comes_under_a_version_that_is_not_current(database: Database):
    """Else it would be found under that version after it was counted as empty."""
    await open_account(database)
    await rotate(database)
    with pytest.raises(KeyRetired):
        await add(database, LATER, NOVEMBER)
    assert await ids(database) == []
    await add(database, LATER)


async def test_a_rotation_counts_and_replaces_month_keys(database: Database):
    """The recordings under one count as the old version's until it is wrapped again; they themselves stay."""
    await open_account(database)
    await add(database, NOVEMBER)
    monthly = {"key_version": 1, "month_key": NOVEMBER.id}
    await database.announce(announcement("ref-1", **monthly))
    held = await claim(database)
    sealed: dict[str, Any] = {"wrapped_key": b"key", "evidence": "digest", **monthly}
    await database.write(lambda tx: move(tx, held, State.STORED, **sealed) and None)
    await database.write(lambda tx: tx.call_facts.add(replace(FACT, month_key=NOVEMBER.id)))
    before = await columns(database, held.recording.id)
    await rotate(database)
    remaining = await database.read(lambda tx: tx.rotations.remaining("acct_a", 1))
    assert {kind: count for kind, count in remaining.items() if count} == {"index_key": 1, "month_key": 1}
    assert await database.read(lambda tx: tx.rotations.recordings_under("acct_a", 1)) == 1
    (row,) = await database.read(lambda tx: tx.rotations.under("month_key", "acct_a", 1, limit=9))
    assert (row.name, row.sealed, row.at) == (NOVEMBER.id, b"november", None)
    await database.write(lambda tx: tx.rotations.replace("month_key", ROTATION, [(row, b"new")], version=2))
    known = await database.read(lambda tx: tx.month_keys.get("acct_a", NOVEMBER.id))
    assert known == replace(NOVEMBER, wrapped=b"new", key_version=2)
    assert await database.read(lambda tx: tx.rotations.recordings_under("acct_a", 1)) == 0
    assert await columns(database, held.recording.id) == before
    (rotation,) = await database.read(lambda tx: tx.rotations.of_account("acct_a"))
    assert rotation.rewrapped == 1


async def test_recordings_of_both_forms_are_counted(database: Database):
    """One under the account key itself, and one under a month key that it wraps; not one under another version."""
    await open_account(database)
    await add(database, NOVEMBER)
    rows = [await available(database, ref=f"ref-{number}") for number in range(3)]

    def change(tx: Any) -> None:
        insert_new(tx.connection, month_keys, row_of_month_key("acct_a", LATER))
        for row, key in zip(rows[1:], (NOVEMBER, LATER), strict=True):
            mine = update(recordings).where(recordings.c.id == row.id)
            tx.connection.execute(mine.values(month_key=key.id))

    await database.write(change)
    for version, count in ((1, 2), (2, 1)):
        assert count == await database.read(lambda tx, v=version: tx.rotations.recordings_under("acct_a", v))


def known_as(**changed: Any) -> AccountObject:
    """Return the account's object as it lies in a bucket, with these keys."""
    account = replace(KNOWN.account, id="acct_a", ref="a")
    keys = replace(KNOWN[KEYS], **changed)
    return having(replace(KNOWN, account=account), {CONNECTIONS: (), NOTICES: (), KEYS: keys})


async def test_a_restore_takes_the_keys_of_the_object(database: Database):
    """Into an empty database, and over an older one; what only a destroyed version wrapped goes, with its facts."""
    known = known_as(
        versions={2: b"wrapped 2"}, index_key_version=2, month_keys=(replace(NOVEMBER, key_version=2),)
    )
    await open_account(database)
    await add(database, NOVEMBER, OCTOBER)
    await database.write(lambda tx: tx.call_facts.add(replace(FACT, month_key=NOVEMBER.id)))
    lost = replace(FACT, id="fact_2", delivery="d2", month_key=OCTOBER.id)
    await database.write(lambda tx: tx.call_facts.add(lost))
    await database.write(lambda tx: tx.restore.account(known, {}) and None)
    assert (
        await database.read(lambda tx: tx.month_keys.get("acct_a", NOVEMBER.id)) == known[KEYS].month_keys[0]
    )
    assert await ids(database) == [NOVEMBER.id]
    facts = await database.read(lambda tx: tx.call_facts.of_call("acct_a", "call-1"))
    assert [fact.id for fact in facts] == ["fact_1"]


async def test_two_histories_keep_the_keys_of_both(database: Database):
    """Each made a key of its own for the month, and recordings lie under both; an own key is not replaced."""
    await open_account(database)
    await add(database, NOVEMBER)
    known = known_as(versions={1: b"wrapped"}, month_keys=(OTHER, replace(NOVEMBER, wrapped=b"not mine")))
    await database.write(lambda tx: tx.restore.lost_account(known, {}, but=[], policies=False) and None)
    assert await ids(database) == [NOVEMBER.id, OTHER.id]
    assert (await database.read(lambda tx: tx.month_keys.get("acct_a", NOVEMBER.id))).wrapped == b"november"


async def test_a_version_that_the_log_says_is_destroyed_takes_its_months_along(database: Database):
    """Month keys under it, their facts, and recordings in flight; what another version wraps stays."""
    await open_account(database)
    await add(database, OCTOBER, NOVEMBER)
    for number, key in enumerate((OCTOBER, NOVEMBER)):
        fact = replace(FACT, id=f"fact_{number}", delivery=f"d{number}", month_key=key.id)
        await database.write(lambda tx, f=fact: tx.call_facts.add(f) and None)
        await database.announce(announcement(f"ref-{number}", id=f"rec_{number}", month_key=key.id))
    await rotate(database)
    (row,) = await database.read(
        lambda tx: tx.rotations.under("month_key", "acct_a", 1, but=[OCTOBER.id], limit=9)
    )
    await database.write(lambda tx: tx.rotations.replace("month_key", ROTATION, [(row, b"new")], version=2))
    assert await database.write(lambda tx: fail_without_key(tx, "acct_a")) == 0
    await database.write(lambda tx: destroy_key(tx, "acct_a", 1))
    assert await ids(database) == [NOVEMBER.id]
    facts = await database.read(lambda tx: tx.call_facts.of_call("acct_a", "call-1"))
    assert [fact.id for fact in facts] == ["fact_1"]
    states = [(await columns(database, f"rec_{number}"))["state"] for number in (0, 1)]
    assert states == ["failed", "received"]
