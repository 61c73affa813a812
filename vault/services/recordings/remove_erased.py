"""The rest of an erasure, whose keys are deleted: delete every version of every object, then write the tombstone.

What the object store keeps under a lock is deleted once the lock has ended.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.retention.object_locks import Remainder
from vault.database.transaction import Transaction
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.recordings.fetch_attempts import backoff_after
from vault.domain.recordings.recording import Lease, State
from vault.domain.retention.object_lock import ObjectLock
from vault.domain.stored.manifest import location_of
from vault.errors import LeaseLost, ObjectLocked, Unavailable
from vault.ports.objects import ObjectStore
from vault.services.ingest.store_attempt import objects_of
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.erase_call import await_call_erasure
from vault.services.lifecycle.guards import holds_on_call
from vault.services.shared.job import HOURLY, ClaimJob, IntervalJob, Job
from vault.services.shared.row_lease import claim, hold_row
from vault.structured_log import Log

_LOG = Log(__name__)
_SCRUB_INTERVAL = timedelta(seconds=1)
_BATCH_SIZE: Final = 200
#: When a lock without an end is looked at again: a legal hold that somebody else has set.
_RETRY_INTERVAL: Final = timedelta(days=1)
_CLOCK_MARGIN: Final = timedelta(minutes=1)
OurHold = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveErased:
    """Delete the rest of a shredded recording: manifest, objects, search terms, call facts.

    Every step is idempotent, so a crash only causes a repetition. What the object store keeps under a lock does not
    delay the end of the erasure: the keys are gone, and ``RemoveLocked`` deletes the objects after the lock.
    """

    database: Database
    objects: ObjectStore

    def jobs(self) -> Sequence[Job]:
        """Return the work on one erased recording."""
        return [ClaimJob(work=Work.REMOVE_ERASED, step=self, needs_objects=True)]

    async def __call__(self) -> bool:
        """Process one recording; return False if none is due, or if a part of the vault is down."""
        lease = await claim(self.database, State.ERASING)
        if lease is None:
            return False
        try:
            await hold_row(self.database, lease, self._remove(lease))
        except LeaseLost:
            _LOG.info("erase.lease_lost", recording_id=lease.recording.id)
        except Unavailable as error:
            pause = backoff_after(error, lease.recording.attempts)
            _LOG.warning("erase.put_off", recording_id=lease.recording.id, reason=str(error))
            await self.database.write(lambda tx: tx.queue.put_back(lease, not_before=tx.now() + pause))
            return False
        return True

    async def _remove(self, lease: Lease) -> None:
        recording = lease.recording
        # The closing act is put before anything is deleted, if its node may not have put it: a restore reads only the
        # manifests that the log or an act names, and would not notice that this one is missing.
        await self.database.write(
            lambda tx: tx.closing_acts.recall(recording.account_id, "recording.erasing", recording.id)
        )
        # The manifest holds a wrapped key, so it is deleted first, with unfinished uploads of it from a crash.
        manifest = location_of(recording.account_id, recording.id)
        prefix = objects_of(recording.account_id, recording.id)
        now = await self.database.read(lambda tx: tx.now())
        await self.objects.delete(manifest)
        for begun in (manifest, prefix):
            await self.objects.abort_uploads(begun, before=now)
        # A versioned bucket keeps an object behind a delete marker, but does not list it.
        keys = {stored.key async for stored in self.objects.list(prefix)} | set(recording.locations)
        # Asked while the row has its search terms: a hold may name a number.
        our_hold = partial(is_our_hold, self.database, recording.id)
        locked_until = await delete_unlocked(self.objects, sorted(keys), now=now, our_hold=our_hold)
        if not await self.database.scrub():
            await self.database.write(
                lambda tx: tx.queue.put_back(lease, not_before=tx.now() + _SCRUB_INTERVAL)
            )
            return
        await self.database.write(lambda tx: _tombstone(tx, lease, locked_until))


def _tombstone(tx: Transaction, lease: Lease, locked_until: datetime | None) -> None:
    # Under the call's lock: of two recordings erased concurrently, the later one sees the other and deletes the facts.
    tx.lock_account_and_call(lease.recording.account_id, lease.recording.call_ref)
    recording = lifecycle.finish_erasure(tx, lease, locked_until=locked_until)
    account_id, call_ref = recording.account_id, recording.call_ref
    tx.recordings.forget_terms(recording.id)
    others = tx.recordings.of_call(account_id, call_ref)
    facts = tx.call_facts.of_call(account_id, call_ref)
    if not facts or any(other.state is not State.ERASED for other in others):
        return
    if held := holds_on_call(tx, account_id, call_ref):
        # The hold was placed while the objects of the recording were deleted.
        await_call_erasure(tx, account_id, call_ref, actor="worker", at=tx.now())
    else:
        tx.call_facts.forget_call(account_id, call_ref, held=held)


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
