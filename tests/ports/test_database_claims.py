"""What a claim returns and notes, and how the first manifest ends it, the same on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.database_rows import (
    TO_TRANSFER,
    announcement,
    claim,
    columns,
    open_account,
    set_columns,
    upload,
)
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.interface import Database
from vault.domain.recordings.recording import LEASE, State

NEVER = timedelta(seconds=-1)


@pytest.mark.parametrize("crashes", [0, 1])
async def test_a_claim_after_another_attempt_notes_what_that_may_have_left(database: Database, crashes: int):
    """The object of an attempt that ended without a word is looked for; a first attempt has left none."""
    await open_account(database)
    new = announcement("ref")
    await database.announce(new)
    for _ in range(crashes):
        await claim(database, lease=NEVER)
    held = await claim(database)
    assert (held.recording.id, held.recording.attempts) == (new.id, crashes + 1)
    noted = await database.read(lambda tx: tx.object_checks.due(limit=9))
    assert [check.recording_id for check in noted] == [new.id] * crashes


async def test_an_unlikely_claim_on_sqlite_reads_first(
    sqlite: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
):
    """Most polls find nothing, and a write costs nearly twice as much as a look."""
    await open_account(sqlite)
    written: list[object] = []
    write = sqlite.write
    monkeypatch.setattr(sqlite, "write", lambda function: (written.append(function), write(function))[1])
    assert await sqlite.claim(TO_TRANSFER, lease=LEASE, likely=False) is None
    assert not written
    assert await sqlite.claim(TO_TRANSFER, lease=LEASE, likely=True) is None
    await sqlite.announce(announcement("ref"))
    assert await sqlite.claim(TO_TRANSFER, lease=LEASE, likely=False) is not None
    assert len(written) == 2


async def test_a_claim_gives_what_the_row_has(database: Database):
    """The recording, its announcement and the token of the lease are those that another transaction reads."""
    await open_account(database)
    new = announcement("ref")
    await database.announce(new)
    held = await claim(database)
    assert held.recording == await database.read(lambda tx: tx.recordings.get("acct_a", new.id))
    assert held.announcement == await database.read(lambda tx: tx.recordings.announcement(new.id))
    assert (await columns(database, new.id))["lease_token"] == held.token


async def test_the_first_manifest_ends_the_lease_of_its_writer_alone(database: Database):
    """Who lost the lease marks nothing as written: the manifest stays due, for any node."""
    await open_account(database)
    await database.announce(announcement("ref"))
    held = await claim(database)
    await set_columns(database, held.recording.id, state="available", manifest_due=True)
    assert await database.first_manifest_written(replace(held, token="another"), 1)
    row = await columns(database, held.recording.id)
    assert (row["manifest_due"], row["manifest_key_version"], row["lease_token"]) == (True, None, None)
    await set_columns(database, held.recording.id, lease_token=held.token)
    assert await database.first_manifest_written(held, 1)
    row = await columns(database, held.recording.id)
    assert (row["manifest_due"], row["manifest_key_version"], row["lease_token"]) == (False, 1, None)


async def test_a_claim_passes_accounts_over(database: Database):
    """Whoever waited longest and has no lease: an account of ``but`` is not claimed, and one beside it is."""
    for account_id in ("acct_a", "acct_b", "acct_c"):
        await open_account(database, account_id)
        for number in range(2):
            await database.announce(announcement(f"ref-{number}", account_id))
    but = {"acct_a", "acct_c"}
    found = [await database.claim(TO_TRANSFER, lease=LEASE, likely=True, but=but) for _ in range(3)]
    assert [held and held.recording.account_id for held in found] == ["acct_b", "acct_b", None]
    assert await database.claim(TO_TRANSFER, lease=LEASE, likely=True) is not None


async def test_what_an_account_uploads_is_no_fetch(database: Database):
    """An account whose clients send recordings is claimed before one that has a fetch in hand."""
    for account_id in ("acct_a", "acct_b"):
        await open_account(database, account_id)
        for number in range(2):
            await database.announce(announcement(f"ref-{number}", account_id))
    first = await claim(database)
    other = {"acct_a": "acct_b", "acct_b": "acct_a"}[first.recording.account_id]
    for number in range(3):
        new = upload(f"sent-{number}", other)
        await database.write(
            lambda tx, new=new: tx.recordings.insert_upload(new, state=State.RECEIVED, reasons=(), epoch=0)
        )
        assert await database.write(lambda tx, new=new: tx.queue.claim_upload(new.id, lease=LEASE))
    assert (await claim(database)).recording.account_id == other
