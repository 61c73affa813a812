"""Work under a lease: renewed while it goes on, and stopped when somebody else took the row."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from vault.domain.recordings.recording import LEASE, RENEWAL, Lease, State
from vault.errors import LeaseLost, Unavailable, VaultError
from vault.ports.database import Database, Transaction

T = TypeVar("T")
#: Seconds from the commit of a write to the moment in which whoever waited for it goes on.
_LAST_WRITE = 2.0


async def claim(database: Database, *states: State) -> Lease | None:
    """Take the row that waited longest in one of the states. Raises Unavailable.

    Most looks are in vain, so a snapshot is looked at first, for little more than half the cost of a write.
    """
    if not await database.read(lambda tx: tx.queue.is_waiting(states)):
        return None
    return await database.write(lambda tx: tx.queue.claim(states, lease=LEASE))


async def hold_lease(database: Database, held: Lease, work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` and renew the lease beside it.

    Raises LeaseLost, after the work has ended, when the row was taken away: by a worker that
    thought this one dead, or by the switch. What the work itself raises comes out as it is.
    A caller that is cancelled gives the row back once the work has ended, and the attempt does not count:
    a node that stops is no reason to wait, and none to give a recording up.
    """
    try:
        return await _beside_renewals(database, held, work)
    except asyncio.CancelledError:
        await asyncio.shield(_give_back(database, held))
        raise


async def _beside_renewals(database: Database, held: Lease, work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    good_until = loop.time() + LEASE.total_seconds()
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=RENEWAL.total_seconds())
            if done:
                return task.result()
            try:
                await database.write(lambda tx: _renew(tx, held))
            except LeaseLost:
                # The work's own last write may be what gave the lease up; then its result is on its way.
                done, _ = await asyncio.wait({task}, timeout=_LAST_WRITE)
                if not done:
                    raise
                return task.result()
            except Unavailable:
                if loop.time() + RENEWAL.total_seconds() >= good_until:
                    raise LeaseLost("The lease could not be renewed in time.") from None
            else:
                good_until = loop.time() + LEASE.total_seconds()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Mark it as seen: who was cancelled, or lost the lease, hears of that and not of this.


def _renew(tx: Transaction, held: Lease) -> None:
    tx.queue.renew(held.recording.id, held.token, lease=LEASE)


async def _give_back(database: Database, held: Lease) -> None:
    try:
        await database.write(lambda tx: tx.queue.put_back(held, not_before=tx.now(), counts=False))
    except VaultError:
        return  # It is in another state already, or the lease runs out by itself.
