"""A client that sends the audio of a recording that a webhook announced, the same on SQLite and PostgreSQL."""

import asyncio

from tests.ports.test_database_queue import TO_TRANSFER
from tests.support.database_rows import NOW, announcement, open_account, set_columns
from vault.database.interface import Database
from vault.domain.recordings.recording import LEASE, NEWER_URL, Lease


async def test_one_client_or_the_worker_has_an_announced_recording(database: Database):
    """Of two clients one gets it, and the worker only after the lease; then no client does."""
    await open_account(database)
    await database.announce(announcement("ref"))
    announced = await database.read(lambda tx: tx.recordings.by_ref("acct_a", "conn_1", "ref"))
    assert announced is not None

    async def send() -> Lease | None:
        return await database.write(lambda tx: tx.queue.claim_upload(announced.id, lease=LEASE))

    async def fetch() -> Lease | None:
        return await database.claim(TO_TRANSFER, lease=LEASE, likely=True)

    claimed = [lease for lease in await asyncio.gather(send(), send()) if lease is not None]
    assert [lease.recording.reasons for lease in claimed] == [(NEWER_URL,)]
    assert await send() is None
    assert await fetch() is None
    await set_columns(database, announced.id, lease_until=NOW)
    fetched = await fetch()
    assert fetched is not None
    assert fetched.recording.id == announced.id
    assert await send() is None
