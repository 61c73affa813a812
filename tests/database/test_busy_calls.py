"""Announcements beside a transaction that holds the lock of a call, as an erasure of hundreds of recordings does."""

import asyncio
import threading
from dataclasses import replace

from tests.support.database_rows import announcement, open_account
from vault.database.engines.postgresql import PostgresqlDatabase
from vault.database.transaction import Transaction


async def test_a_busy_call_delays_no_other(postgresql: PostgresqlDatabase):
    """Those of a batch whose calls are free are answered at once. Wrong: all of them wait for the busy one."""
    await open_account(postgresql)
    held, go = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        tx.lock_account_and_call("acct_a", "busy")
        held.set()
        go.wait(20)

    holding = asyncio.create_task(postgresql.write(hold))
    await asyncio.to_thread(held.wait)
    busy = [
        asyncio.create_task(postgresql.announce(replace(announcement(f"busy-{n}"), call_ref="busy")))
        for n in range(5)
    ]
    free = [postgresql.announce(replace(announcement(f"free-{n}"), call_ref=f"free-{n}")) for n in range(5)]
    assert all(one.created for one in await asyncio.gather(*free))
    assert not any(one.done() for one in busy)
    go.set()
    await holding
    assert all(one.created for one in await asyncio.gather(*busy))
