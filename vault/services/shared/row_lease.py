"""Work under a lease on a recording's row."""

import asyncio
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from vault import tracing
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import LEASE, RENEWAL, Lease, State
from vault.errors import VaultError
from vault.fair_places import FairPlaces, Place
from vault.services.shared.lease import hold_lease

T = TypeVar("T")
#: Max seconds from the commit of the work's last write until the work returns.
_LAST_WRITE = 2.0
#: How long a row waits that two claims at the same time took for one place.
_PAUSE: Final = timedelta(seconds=2)
#: How long work waits that gave way.
GAVE_WAY_PAUSE: Final = timedelta(minutes=2)


@dataclass(slots=True)
class ClaimHint:
    """Whether the last claim of a job found a row: then the next one is likely to find one too."""

    likely: bool = False


async def claim(
    database: Database, *states: State, hint: ClaimHint | None = None, but: Collection[str] = ()
) -> Lease | None:
    """Claim the row that has waited longest in one of the states, of no account of ``but``. Raises Unavailable."""
    hint = hint or ClaimHint()
    lease = await database.claim(states, lease=LEASE, likely=hint.likely, but=but)
    hint.likely = lease is not None
    if lease is not None:
        tracing.link(lease.recording.traceparent)
    return lease


async def claim_place(
    database: Database, *states: State, hint: ClaimHint, places: FairPlaces
) -> tuple[Lease, Place] | None:
    """Claim a row of an account for which a place is free, and take the place. Raises Unavailable."""
    async with places.asked() as closed_to:
        lease = await claim(database, *states, hint=hint, but=closed_to)
        if lease is None:
            return None
        place = places.take(lease.recording.account_id)
    if place is not None:
        return lease, place
    held = lease
    await database.write(lambda tx: tx.queue.put_back(held, not_before=tx.now() + _PAUSE, counts=False))
    return None


async def hold_row(database: Database, lease: Lease, work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` and renew the row's lease concurrently.

    Raises LeaseLost, after the work has ended, if the row was taken by another worker, which took this one for
    dead, or by the recording switch. Raises what ``work`` raises. When the caller is cancelled, the row is put
    back once the work has ended, without backoff and without counting the attempt: the stop of a node must
    neither delay a recording nor exhaust its attempts.
    """
    try:
        return await hold_lease(
            lambda: database.write(lambda tx: _renew(tx, lease)),
            work,
            lease=LEASE,
            renewal=RENEWAL,
            last_write=_LAST_WRITE,
        )
    except asyncio.CancelledError:
        await asyncio.shield(_put_back(database, lease))
        raise


def _renew(tx: Transaction, lease: Lease) -> None:
    tx.queue.renew(lease.recording.id, lease.token, lease=LEASE)


async def _put_back(database: Database, lease: Lease) -> None:
    try:
        await database.write(lambda tx: tx.queue.put_back(lease, not_before=tx.now(), counts=False))
    except VaultError:
        return  # The row is already in another state, or the lease expires.
