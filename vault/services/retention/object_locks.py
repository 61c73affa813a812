"""Reconcile the locks of the object store with the rows: extend retentions, set and clear legal holds, read them back.

The row says what is wanted, the object store what there is. Only finished audio and renditions of available recordings
are locked: a manifest holds a wrapped key, and its deletion is the erasure.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.database.interface import Database
from vault.database.stores.retention.object_locks import LockedRow
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.retention.object_lock import LockState, ObjectLock
from vault.errors import NotFound, Tampered
from vault.ports.objects import ObjectLocks, ObjectStore
from vault.rfc3339 import parse_rfc3339, write_rfc3339
from vault.services.shared.job import IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
_BATCH_SIZE: Final = 200
#: The metadata entry with the time of the last run.
LAST_RUN: Final = "object_locks.last_run"
#: How far before the last run a run looks for holds that ended, for runs that failed.
_MARGIN: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileLocks:
    """Lock what is to be locked, on one node at a time."""

    database: Database
    objects: ObjectStore

    def jobs(self) -> Sequence[Job]:
        """Return the comparison; a lock whose state is unknown is tried again then."""
        return [IntervalJob(name="reconcile_locks", run=self, every=timedelta(minutes=5), needs_objects=True)]

    async def __call__(self) -> int:
        """Run once; return how many recordings were compared. Raises Unavailable; the next run goes on."""
        locks = self.objects.locks
        if locks is None or not await locks.enabled():
            return 0
        now = await self.database.read(lambda tx: tx.now())
        await self._want_holds(now)
        await self._want_releases(now)
        compared, after = 0, ""
        while rows := await self.database.read(
            lambda tx, after=after: tx.object_locks.due(after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            after = rows[-1].recording.id
            for row in rows:
                await self._reconcile(locks, row)
            compared += len(rows)
        stamp = write_rfc3339(now).encode()
        await self.database.write(lambda tx: tx.metadata.replace({LAST_RUN: stamp}))
        return compared

    async def _want_holds(self, now: datetime) -> None:
        """Make recordings due that a hold covers, also those that passed the gate after it was placed."""
        for account_id in await self.database.read(lambda tx: tx.object_locks.accounts_held(now)):
            try:
                holds = await self.database.read(
                    lambda tx, account_id=account_id: tx.holds.in_effect(account_id, now)  # type: ignore[misc]
                )
            except Tampered:
                _LOG.error("retention.hold_unreadable", account_id=account_id)
                continue
            for hold in holds:
                while await self.database.write(
                    lambda tx, hold=hold: tx.object_locks.want_hold(hold, limit=_BATCH_SIZE)  # type: ignore[misc]
                ):
                    pass

    async def _want_releases(self, now: datetime) -> None:
        """Make recordings due that have a legal hold, in accounts of which a hold has ended since the last run."""
        stamp = await self.database.read(lambda tx: tx.metadata.get(LAST_RUN))
        since = (
            datetime.fromtimestamp(0, now.tzinfo)
            if stamp is None
            else parse_rfc3339(stamp.decode()) - _MARGIN
        )
        for account_id in await self.database.read(lambda tx: tx.holds.ended_between(since, now)):
            after: str | None = ""
            while after is not None:
                after = await self.database.write(
                    lambda tx, account_id=account_id, after=after: tx.object_locks.want_release(  # type: ignore[misc]
                        account_id, after=after, limit=_BATCH_SIZE
                    )
                )

    async def _reconcile(self, locks: ObjectLocks, row: LockedRow) -> None:
        wanted = await self.database.read(lambda tx: _wanted(tx, row))
        if wanted is None:
            return
        found: list[ObjectLock | None] = []
        if wanted != ObjectLock() or row.object_hold:
            try:
                found = [await locks.set(key, wanted) for key in row.recording.locations]
            except NotFound:
                _LOG.error("object_lock.object_missing", recording_id=row.recording.id)
                found = [None]
        if None in found:
            _LOG.error("object_lock.unknown", recording_id=row.recording.id)
        if not await self.database.write(lambda tx: _write(tx, row, wanted, found)) and wanted.hold:
            await self._take_off(locks, row)

    async def _take_off(self, locks: ObjectLocks, row: LockedRow) -> None:
        """Clear legal holds that were set while the recording was being erased, because nobody else would."""
        current = await self.database.read(lambda tx: tx.object_locks.get(row.recording.id))
        if current is None or current.recording.state is State.AVAILABLE:
            return
        for key in row.recording.locations:
            with suppress(NotFound):
                await locks.set(key, ObjectLock(hold=False))


def _wanted(tx: Transaction, row: LockedRow) -> ObjectLock | None:
    """Return the lock that the policy and the holds want now; None if one of them cannot be read."""
    account_id, now = row.recording.account_id, tx.now()
    try:
        mode = tx.retention.policies(account_id, now).current.object_lock
    except Tampered:
        _LOG.error("retention.policy_unreadable", account_id=account_id)
        return None
    try:
        hold = row.recording.state is State.AVAILABLE and bool(tx.holds.covering(row.recording, now))
    except Tampered:
        _LOG.error("retention.hold_unreadable", account_id=account_id)
        return None
    if mode == "off" or row.legal_until is None or row.legal_until <= now:
        return ObjectLock(hold=hold)
    return ObjectLock(mode=mode, until=row.legal_until, hold=hold)


def _write(tx: Transaction, row: LockedRow, wanted: ObjectLock, found: Sequence[ObjectLock | None]) -> bool:
    known = [lock for lock in found if lock is not None]
    state: LockState = "none" if row.locked_until is None and not found else "set"
    until, hold = row.locked_until, row.object_hold
    if len(known) < len(found):
        state = "unknown"
    elif known:
        # The last one to become free: an erasure waits for every object.
        until = max((lock.until for lock in known if lock.until is not None), default=until)
        hold = wanted.hold
        state = "set" if hold or until is not None else "none"
    return tx.object_locks.write(row, state, until=until, hold=hold)
