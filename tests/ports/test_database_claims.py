"""What a claim returns and notes, and how the first manifest ends it, the same on SQLite and PostgreSQL.

Looks that come before a claim, the same on SQLite and PostgreSQL.

What waits in the queue: its length by account, and waking what waited for one host. On SQLite and PostgreSQL.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.database_rows import (
    NOW,
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
from vault.database.stores.recordings import recording_queue
from vault.database.stores.recordings.recording_queue import WAKE_SPREAD, Backlog
from vault.domain.accounts.limits import OwnLimits
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


async def test_what_waits_is_what_a_claim_would_find(database: Database):
    """A look says yes exactly where a claim takes a row: by state, time, lease, and who brings it in."""
    await open_account(database)
    await database.announce(announcement("ref"))

    async def waits(*states: State) -> bool:
        return await database.read(lambda tx: tx.queue.is_waiting(states))

    assert [await waits(*TO_TRANSFER), await waits(State.STORED)] == [True, False]
    held = await claim(database, lease=timedelta(seconds=-1))
    assert await waits(*TO_TRANSFER)
    await claim(database)
    assert not await waits(*TO_TRANSFER)
    later = await database.read(lambda tx: tx.now() + LEASE)
    free = {"lease_until": None, "lease_token": None}
    await set_columns(database, held.recording.id, **free, not_before=later)
    assert not await waits(*TO_TRANSFER)
    await set_columns(database, held.recording.id, not_before=NOW, sealed_announcement=None)
    assert not await waits(*TO_TRANSFER)
    await set_columns(database, held.recording.id, state=str(State.STORED))
    assert [await waits(*TO_TRANSFER), await waits(State.STORED)] == [False, True]


async def test_a_wake_spreads_what_waits_for_one_host(database: Database):
    """Only rows of the connection that wait long for this reason are woken, and their attempt does not count."""
    await open_account(database, "acct_a")
    await open_account(database, "acct_b")
    hour = await database.read(lambda tx: tx.now() + timedelta(hours=1))
    soon = await database.read(lambda tx: tx.now() + timedelta(seconds=5))

    async def waiting(ref: str, code: str = "host_down", **changed: object) -> str:
        account = str(changed.pop("account_id", "acct_a"))
        new = announcement(ref, account, connection_id=changed.pop("connection_id", "conn_1"))
        await database.announce(new)
        reasons = [{"code": code, "text": "x", "source": None}]
        values = {"state": "retry_wait", "attempts": 9, "not_before": hour, "reasons": reasons} | changed
        await set_columns(database, new.id, **values)
        return new.id

    woken = {await waiting(f"woken-{number}") for number in range(8)}
    left = [
        await waiting("other-host", connection_id="conn_2"),
        await waiting("other-account", account_id="acct_b"),
        await waiting("absent", code="fetch_failed"),
        await waiting("stored", state="stored"),
        await waiting("due-soon", not_before=soon),
    ]
    before = await database.read(lambda tx: [tx.recordings.by_id(one) for one in left])
    first = await database.read(lambda tx: tx.now())
    assert await database.write(lambda tx: tx.queue.wake("acct_a", "conn_1", "host_down")) == 8
    last = await database.read(lambda tx: tx.now())
    at = {(await columns(database, one))["not_before"] for one in woken}
    assert all(first <= one <= last + WAKE_SPREAD for one in at)
    assert len(at) > 1, "All begin at the same moment."
    assert {
        (await database.read(lambda tx, one=one: tx.recordings.by_id(one))).attempts for one in woken
    } == {8}
    assert await database.read(lambda tx: [tx.recordings.by_id(one) for one in left]) == before


async def test_the_backlog_counts_what_waits_or_is_worked_on(database: Database, monkeypatch):
    """Each working state counts, an erasure and a finished recording do not; only the longest queues are named."""
    assert await database.read(lambda tx: tx.queue.backlog()) == Backlog()
    waiting = [State.RECEIVED, State.TRANSFERRING, State.RETRY_WAIT, State.STORED]
    rest = [State.QUARANTINED, State.AVAILABLE, State.REFUSED, State.FAILED, State.ERASING, State.ERASED]
    for account in ("acct_a", "acct_b", "acct_c"):
        await open_account(database, account)
    for account, states in (("acct_a", waiting + rest), ("acct_b", waiting[:2]), ("acct_c", rest[:1])):
        for number, state in enumerate(states):
            new = announcement(f"ref-{number}", account)
            await database.announce(new)
            await set_columns(database, new.id, state=str(state))
    found = await database.read(lambda tx: tx.queue.backlog())
    assert found == Backlog(total=6, by_account={"acct_a": 4, "acct_b": 2})
    monkeypatch.setattr(recording_queue, "BACKLOG_ACCOUNTS", 1)
    found = await database.read(lambda tx: tx.queue.backlog())
    assert found == Backlog(total=6, by_account={"acct_a": 4})


async def test_an_accounts_own_limits_are_replaced_whole(database: Database):
    """What is not given is the default again, and without any the row goes."""
    own = OwnLimits(requests_per_second=5, queue=7)
    await database.write(lambda tx: tx.account_limits.put("acct_a", own))
    await database.write(lambda tx: tx.account_limits.put("acct_b", OwnLimits(bytes_in_flight=2**40)))
    assert await database.read(lambda tx: tx.account_limits.get("acct_a")) == own
    assert await database.read(lambda tx: tx.account_limits.get("acct_c")) == OwnLimits()
    await database.write(lambda tx: tx.account_limits.put("acct_a", OwnLimits(queue=9)))
    await database.write(lambda tx: tx.account_limits.put("acct_b", OwnLimits()))
    assert await database.read(lambda tx: tx.account_limits.all()) == {"acct_a": OwnLimits(queue=9)}
