"""Entries of registers as rows, the same on SQLite and PostgreSQL: revisions, pages, and their restore."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.database_rows import NOW, open_account
from tests.support.stored_account import KNOWN, having
from vault.database.account_object import AccountObject
from vault.database.account_parts.registers import REGISTERS
from vault.database.interface import Database
from vault.domain.registers.entries import SealedEntry
from vault.errors import KeyRetired

ENTRY = SealedEntry(
    id="reg_1",
    account_id="acct_a",
    register="recipient",
    revision=1,
    sealed_entry=b"sealed",
    key_version=1,
    created_at=NOW,
    changed_at=NOW,
    changed_by="key_1",
)
RECORD = replace(ENTRY, id="reg_r", register="processing_record")
ACCOUNT = KNOWN.account.id
ENTRY_20, RECORD_20 = (replace(each, account_id=ACCOUNT, key_version=20) for each in (ENTRY, RECORD))


def with_entries(*entries: SealedEntry) -> AccountObject:
    """Return the account's object with these entries."""
    return having(KNOWN, {REGISTERS: entries})


RESTORED = with_entries(ENTRY_20, RECORD_20)


async def stored(database: Database, account_id: str) -> list[SealedEntry]:
    """Return the entries as the account's object has them."""
    return list((await database.read(lambda tx: tx.account_objects.read(account_id)))[REGISTERS])


async def test_an_entry_is_read_back_and_replaced_by_its_next_revision(database: Database):
    """One revision after the other; a change of an older one is refused, and another account sees none."""
    await open_account(database)
    assert await database.write(lambda tx: tx.registers.add(ENTRY))
    second = replace(ENTRY, revision=2, sealed_entry=b"second", changed_at=NOW + timedelta(hours=1))
    assert await database.write(lambda tx: tx.registers.replace(second))
    assert not await database.write(lambda tx: tx.registers.replace(replace(second, sealed_entry=b"third")))
    assert await database.read(lambda tx: tx.registers.get("acct_a", "recipient", "reg_1")) == second
    assert await database.read(lambda tx: tx.registers.get("acct_b", "recipient", "reg_1")) is None
    assert await database.read(lambda tx: tx.registers.get("acct_a", "authority_request", "reg_1")) is None
    assert await stored(database, "acct_a") == [second]


async def test_an_account_has_one_record_of_processing(database: Database):
    """A second one is refused, and recipients are not limited."""
    await open_account(database)
    assert await database.write(lambda tx: tx.registers.add(RECORD))
    assert not await database.write(lambda tx: tx.registers.add(replace(RECORD, id="reg_s")))
    assert await database.write(lambda tx: tx.registers.add(ENTRY))
    assert await database.write(lambda tx: tx.registers.add(replace(ENTRY, id="reg_2")))


async def test_an_entry_under_a_retired_key_is_refused(database: Database):
    """It would be lost when that version is destroyed."""
    await open_account(database)
    for verb in ("add", "replace"):
        with pytest.raises(KeyRetired):
            await database.write(
                lambda tx, verb=verb: getattr(tx.registers, verb)(replace(ENTRY, key_version=2))
            )
    assert await stored(database, "acct_a") == []


async def test_pages_are_newest_first(database: Database):
    """Entries of the same moment are told apart by their ids."""
    await open_account(database)
    times = {"reg_1": NOW, "reg_2": NOW, "reg_3": NOW + timedelta(seconds=1)}
    for entry_id, at in times.items():
        entry = replace(ENTRY, id=entry_id, created_at=at)
        await database.write(lambda tx, entry=entry: tx.registers.add(entry))
    page = await database.read(lambda tx: tx.registers.page("acct_a", "recipient", before=None, limit=2))
    assert [entry.id for entry in page] == ["reg_3", "reg_2"]
    before = (page[-1].created_at, page[-1].id)
    rest = await database.read(lambda tx: tx.registers.page("acct_a", "recipient", before=before, limit=2))
    assert [entry.id for entry in rest] == ["reg_1"]


async def test_registers_are_restored_with_their_account(database: Database):
    """Into an empty database, and over older rows: what the object does not have goes."""
    await database.write(lambda tx: tx.restore.account(RESTORED, {}))
    assert await stored(database, ACCOUNT) == list(RESTORED[REGISTERS])
    fewer = with_entries(replace(ENTRY_20, revision=7))
    await database.write(lambda tx: tx.restore.account(fewer, {}))
    assert await stored(database, ACCOUNT) == list(fewer[REGISTERS])


async def test_registers_of_two_histories_are_joined(database: Database):
    """Rows stay as they are, missing ones are added, and a second record of processing is reported."""
    await database.write(lambda tx: tx.restore.account(RESTORED, {}))
    lost = with_entries(
        replace(ENTRY_20, sealed_entry=b"other"),
        replace(ENTRY_20, id="reg_2"),
        replace(RECORD_20, id="reg_s"),
        replace(ENTRY_20, id="reg_3", key_version=99),
    )
    said = await database.write(lambda tx: tx.restore.lost_account(lost, {}, but=(), policies=False))
    assert [line for line in said if "register" in line] == [
        "the register entry reg_s",
        "the register entry reg_3",
    ]
    assert {each.id: each.sealed_entry for each in await stored(database, ACCOUNT)} == {
        "reg_1": b"sealed",
        "reg_2": b"sealed",
        "reg_r": b"sealed",
    }
