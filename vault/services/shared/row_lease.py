"""Work under a lease on a row: the lease is renewed meanwhile, and the work is cancelled when the lease is lost."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from vault.domain.recordings.recording import LEASE, RENEWAL, Lease, State
from vault.errors import LeaseLost, Unavailable, VaultError
from vault.ports.database import Database, Transaction

T = TypeVar("T")
#: Max seconds from the commit of the work's last write until the work returns.
_LAST_WRITE = 2.0


async def claim(database: Database, *states: State) -> Lease | None:
    """Claim the row that has waited longest in one of the states. Raises Unavailable.

    Most polls find nothing, so a snapshot is read first: that costs little more than half of a write.
    """
    if not await database.read(lambda tx: tx.queue.is_waiting(states)):
        return None
    return await database.write(lambda tx: tx.queue.claim(states, lease=LEASE))


async def hold_lease(database: Database, lease: Lease, work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` and renew the lease concurrently.

    Raises LeaseLost, after the work has ended, if the row was taken by another worker, which took this one for
    dead, or by the recording switch. Raises what ``work`` raises. When the caller is cancelled, the row is put
    back once the work has ended, without backoff and without counting the attempt: the stop of a node must
    neither delay a recording nor exhaust its attempts.
    """
    try:
        return await _run_and_renew(database, lease, work)
    except asyncio.CancelledError:
        await asyncio.shield(_put_back(database, lease))
        raise


async def _run_and_renew(database: Database, lease: Lease, work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    valid_until = loop.time() + LEASE.total_seconds()
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=RENEWAL.total_seconds())
            if done:
                return task.result()
            try:
                await database.write(lambda tx: _renew(tx, lease))
            except LeaseLost:
                # The work's own last write may have released the lease; then it is about to return.
                done, _ = await asyncio.wait({task}, timeout=_LAST_WRITE)
                if not done:
                    raise
                return task.result()
            except Unavailable:
                if loop.time() + RENEWAL.total_seconds() >= valid_until:
                    raise LeaseLost("The lease could not be renewed in time.") from None
            else:
                valid_until = loop.time() + LEASE.total_seconds()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Mark it as retrieved: the caller gets CancelledError or LeaseLost instead.


def _renew(tx: Transaction, lease: Lease) -> None:
    tx.queue.renew(lease.recording.id, lease.token, lease=LEASE)


async def _put_back(database: Database, lease: Lease) -> None:
    try:
        await database.write(lambda tx: tx.queue.put_back(lease, not_before=tx.now(), counts=False))
    except VaultError:
        return  # The row is already in another state, or the lease expires.
