"""Looks that come before a claim, the same on SQLite and PostgreSQL."""

from datetime import timedelta

from tests.support.database_rows import NOW, TO_TRANSFER, announcement, claim, open_account, set_columns
from vault.database.interface import Database
from vault.domain.recordings.recording import LEASE, State


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
