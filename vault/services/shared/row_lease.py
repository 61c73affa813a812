"""Work under a lease on a recording's row."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from vault import tracing
from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import LEASE, RENEWAL, Lease, State
from vault.errors import VaultError
from vault.services.shared.last_place import PAUSE, LastPlace
from vault.services.shared.lease import hold_lease

T = TypeVar("T")
#: Max seconds from the commit of the work's last write until the work returns.
_LAST_WRITE = 2.0


@dataclass(slots=True)
class ClaimHint:
    """Whether the last claim of a job found a row: then the next one is likely to find one too."""

    likely: bool = False


async def claim(
    database: Database, *states: State, hint: ClaimHint | None = None, last: LastPlace | None = None
) -> Lease | None:
    """Claim the row that has waited longest in one of the states. Raises Unavailable.

    With ``last``, a claim for the last place of a job puts a row back whose account has another place.
    """
    hint, last = hint or ClaimHint(), last or LastPlace()
    if last.rests:
        return None
    lease = await database.claim(states, lease=LEASE, likely=hint.likely)
    hint.likely = lease is not None
    if lease is None:
        return None
    if not last.is_for(lease.recording.account_id):
        held = lease
        await database.write(lambda tx: tx.queue.put_back(held, not_before=tx.now() + PAUSE, counts=False))
        return None
    tracing.link(lease.recording.traceparent)
    return lease


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
