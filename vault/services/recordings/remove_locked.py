"""Delete what the object store kept of erased recordings under a lock, once the lock has ended."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.stores.retention.object_locks import Remainder
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.retention.object_lock import ObjectLock
from vault.errors import ObjectLocked
from vault.ports.objects import ObjectStore
from vault.services.shared.job import HOURLY, IntervalJob, Job

_BATCH_SIZE: Final = 200
#: When a lock without an end is looked at again: a legal hold that somebody else has set.
_RETRY_INTERVAL: Final = timedelta(days=1)
_CLOCK_MARGIN: Final = timedelta(minutes=1)
OurHold = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLocked:
    """Delete the objects of erased recordings whose locks have ended. Their keys are gone since the erasure."""

    database: Database
    objects: ObjectStore

    def jobs(self) -> Sequence[Job]:
        """Return the search for locks that have ended."""
        return [IntervalJob(name="remove_locked", run=self, every=HOURLY, needs_objects=True)]

    async def __call__(self) -> int:
        """Return how many recordings have no object any more. Raises Unavailable; the next run goes on."""
        done = 0
        now = await self.database.read(lambda tx: tx.now())
        while found := await self.database.read(
            lambda tx: tx.object_locks.remainders(now, limit=_BATCH_SIZE)
        ):
            for one in found:
                until = await delete_unlocked(
                    self.objects,
                    one.keys,
                    now=now,
                    our_hold=partial(is_our_hold, self.database, one.recording_id),
                )
                await self.database.write(lambda tx, one=one, until=until: _note(tx, one, until))  # type: ignore[misc]
                done += until is None
        return done


async def is_our_hold(database: Database, recording_id: str) -> bool:
    """Return whether the vault may have set a legal hold on the objects of a recording that is being erased.

    A restored row does not say so; then any hold that has ever covered the recording does.
    """

    def read(tx: Transaction) -> bool:
        row = tx.object_locks.get(recording_id)
        if row is None:
            return False
        return row.object_hold or row.state in {"wanted", "unknown"} or tx.holds.has_covered(row.recording)

    return await database.read(read)


async def delete_unlocked(
    objects: ObjectStore, keys: list[str], *, now: datetime, our_hold: OurHold
) -> datetime | None:
    """Delete every version that no lock keeps; return until when a lock keeps one, None if nothing is left.

    ``our_hold`` is asked where a legal hold keeps one: if the vault has set it, it comes off, because none covers the
    recording any more. A retention is never lifted, also not one in governance mode.
    """
    ends: list[datetime | None] = []
    for key in keys:
        try:
            await objects.delete(key)
        except ObjectLocked as locked:
            ends.append(await _retry(objects, key, locked, now=now, our_hold=our_hold))
    return max((end for end in ends if end is not None), default=None)


async def _retry(
    objects: ObjectStore, key: str, locked: ObjectLocked, *, now: datetime, our_hold: OurHold
) -> datetime | None:
    """Take off a legal hold of ours and delete again, or return when to look again at the object."""
    if locked.hold and objects.locks is not None and await our_hold():
        await objects.locks.set(key, ObjectLock(hold=False))
        return await delete_unlocked(objects, [key], now=now, our_hold=_not_ours)
    if locked.until is None or locked.hold:
        return max(locked.until or now, now + _RETRY_INTERVAL)
    # The clocks may differ by a little.
    return max(locked.until, now + _CLOCK_MARGIN)


async def _not_ours() -> bool:
    return False


def _note(tx: Transaction, one: Remainder, until: datetime | None) -> None:
    tx.object_locks.keep_remainder(one.recording_id, until)
    if until is None:
        tx.events.append(
            AccessEvent(
                type="recording.objects_deleted",
                at=tx.now(),
                account_id=one.account_id,
                actor="worker",
                recording_id=one.recording_id,
            )
        )
