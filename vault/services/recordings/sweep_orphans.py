"""The sweep: delete orphans of crashed attempts, after a grace period and a last check of the row.

It checks the recordings that were noted (``ObjectCheckRows``): whose attempt ended in an unknown way, or whose keys
were deleted. So it costs nothing for recordings that did not change. All other orphans, such as foreign objects, are
found by the slow scan: it lists a limited number of objects per sweep, continues there in the next, also after a
restart, and begins again a week after it began.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.accounts.stored_answers import ANSWER_LEASES
from vault.database.stores.recordings.object_checks import NamedObjects, ObjectCheck
from vault.database.transaction import Transaction
from vault.domain.moves.move import Phase
from vault.domain.progress import UNNAMED
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import PREFIX as MANIFESTS
from vault.domain.stored.manifest import location_of, parse_location
from vault.domain.stored.vault_facts import SCAN, ObjectScan, decode_scan, encode_scan
from vault.errors import NotFound, ObjectLocked
from vault.ports.clock import Clock
from vault.ports.objects import ObjectStore, StoredObject
from vault.services.shared.clock_skew import earlier
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Min age at which an orphaned object or upload, or a stored response of an idempotent request, is deleted.
GRACE: Final = timedelta(hours=24)
#: From the beginning of one pass of the slow scan to that of the next.
SCAN_INTERVAL: Final = timedelta(days=7)
_RECORDINGS: Final = "recordings/"
#: Of accounts whose objects are here without rows: those that come, and those that left a few days ago.
_ROWLESS: Final = frozenset({Phase.ARRIVING, Phase.MOVED})
#: Recordings per read, and objects compared per statement.
_CHECKS, _BATCH_SIZE = 100, 500
#: A check that stays is never due again in the same sweep, whatever the grace period is.
_SHORTEST_PAUSE: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Delete objects that no row names, manifests of recordings that are gone, and unfinished uploads.

    Only objects under the vault's own prefix are considered. The row is read immediately before each deletion, and
    an object's key is unique to its attempt, so no object in use can be deleted. A manifest without a row
    stays, with its audio: rows are never deleted, so a restore could not import it, and the next one may.
    """

    database: Database
    objects: ObjectStore
    clock: Clock
    #: Objects that the slow scan compares in one sweep; 0 turns it off.
    scan_objects: int
    grace: timedelta = GRACE

    def jobs(self) -> Sequence[Job]:
        """Return the sweep."""
        return [IntervalJob(name="sweep", run=self, every=HOURLY, needs_objects=True)]

    async def __call__(self, *, everything: bool = False) -> int:
        """Return the number of objects and uploads deleted; ``everything``: compare all objects now."""
        # The earlier of two clocks: a node with a wrong clock must not delete the new uploads of other nodes.
        before = await self.database.read(lambda tx: earlier(tx, self.clock())) - self.grace
        # Uploads of every kind: an unfinished manifest holds a wrapped key, an unfinished log tile blocks its key.
        removed = await self.objects.abort_uploads("", before=before)
        while due := await self.database.read(lambda tx: tx.object_checks.due(limit=_CHECKS)):
            for check in due:
                removed += await self._check(check, before)
        removed += await self._scan(before, everything=everything)
        await self._answers(before)
        await self._allowances()
        # The keys of refused or failed recordings were deleted from their rows; this deletes them from the WAL and from
        # other pages too.
        if not await self.database.scrub(moved=True):
            _LOG.warning("sweep.database_log_not_emptied")
        metrics.SWEPT.inc(removed)
        if removed:
            _LOG.info("sweep.removed", count=removed)
        return removed

    async def _check(self, check: ObjectCheck, before: datetime) -> int:
        """Compare a noted recording with its objects; the check stays until none of them can be young any more."""
        removed = await self._manifest(check.account_id, check.recording_id)
        settled = check.noted_at < before
        async for stored in self.objects.list(f"{_RECORDINGS}{check.account_id}/{check.recording_id}/"):
            if await self._wanted(check.account_id, check.recording_id, stored.key):
                continue
            if stored.modified >= before:
                settled = False
                continue
            removed += await self._delete(check.recording_id, stored.key)

        def note(tx: Transaction) -> None:
            if settled:
                tx.object_checks.done(check)
            else:
                tx.object_checks.postpone(check, tx.now() + max(self.grace, _SHORTEST_PAUSE))

        await self.database.write(note)
        return removed

    async def _scan(self, before: datetime, *, everything: bool) -> int:
        """Compare some objects with their rows, from the last one compared on; return how many were deleted."""
        now, scan = await self.database.read(_scan_of)
        whole = everything or (scan is not None and scan.began is None)
        if scan is None or everything or (scan.began or now) + SCAN_INTERVAL <= now:
            scan = ObjectScan(began=now)
        if scan.done or not (self.scan_objects or whole):
            return 0
        removed = compared = 0
        batch: list[StoredObject] = []
        async for stored in self._listed(scan.after):
            if compared == self.scan_objects and not whole:
                break
            compared += 1
            batch.append(stored)
            if len(batch) == _BATCH_SIZE:
                removed += await self._compare(batch, before)
                scan, batch = await self._advance(scan, stored.key), []
        else:
            scan = replace(scan, done=True, began=scan.began or now)
        removed += await self._compare(batch, before)
        await self._advance(scan, batch[-1].key if batch else scan.after)
        return removed

    async def _advance(self, scan: ObjectScan, after: str) -> ObjectScan:
        scan = replace(scan, after=after)
        await self.database.write(lambda tx: tx.metadata.replace({SCAN: encode_scan(scan)}))
        return scan

    async def _listed(self, after: str) -> AsyncIterator[StoredObject]:
        for prefix in (MANIFESTS, _RECORDINGS):
            if after < prefix or after.startswith(prefix):
                async for stored in self.objects.list(prefix, after=after if after > prefix else ""):
                    yield stored

    async def _compare(self, listed: Sequence[StoredObject], before: datetime) -> int:
        """Compare objects with the rows in one statement, and each that differs once more by itself."""
        places = [(stored, _place(stored.key)) for stored in listed]
        ids = sorted({place[1] for _, place in places if place is not None})
        rows = await self.database.read(lambda tx: tx.object_checks.named(ids)) if ids else {}
        removed = 0
        for stored, place in places:
            if place is None or _is_named(stored.key, rows.get(place[1])):
                continue
            if stored.key.startswith(MANIFESTS):
                removed += await self._manifest(*place)
            elif stored.modified < before and not await self._wanted(*place, stored.key):
                removed += await self._delete(place[1], stored.key)
        return removed

    async def _answers(self, before: datetime) -> None:
        """Delete old stored responses of idempotent requests, and leases that dead nodes left on such requests."""
        while await self.database.write(lambda tx: tx.stored_answers.forget_before(before)):
            pass
        await self.database.write(lambda tx: tx.singleton_leases.forget_leases(ANSWER_LEASES, before))

    async def _allowances(self) -> None:
        """Delete the allowances of the log of which nothing is used any more."""
        while await self.database.write(lambda tx: tx.log_allowances.forget_whole(tx.now())):
            pass

    async def _wanted(self, account_id: str, recording_id: str, location: str) -> bool:
        if await self.database.read(lambda tx: tx.queue.wants_object(recording_id, location)):
            return True
        known, move = await self.database.read(
            lambda tx: (tx.recordings.by_id(recording_id), tx.account_moves.of(account_id))
        )
        if known is None and move is not None and move.phase in _ROWLESS:
            return True
        return known is None and await self._exists(location_of(account_id, recording_id))

    async def _delete(self, recording_id: str, key: str) -> int:
        """Delete an orphan. One under a lock becomes that of its erased row, as after a restore, and leaves later."""
        try:
            await self.objects.delete(key)
        except ObjectLocked as locked:
            end = locked.until
            await self.database.write(
                lambda tx: tx.object_locks.adopt_remainder(recording_id, key, end or tx.now() + SCAN_INTERVAL)
            )
            return 0
        return 1

    async def _exists(self, key: str) -> bool:
        try:
            await self.objects.size(key)
        except NotFound:
            return False
        return True

    async def _manifest(self, account_id: str, recording_id: str) -> int:
        """Delete the manifest of a shredded recording; without grace period, because it holds a wrapped key.

        The row is read once the manifest is known to exist: read before, it could be that of a recording which becomes
        available and writes its manifest in between.
        """
        location = location_of(account_id, recording_id)
        if not await self._exists(location):
            return 0
        if not await self.database.read(lambda tx: _is_gone(tx, account_id, recording_id)):
            return 0
        await self.objects.delete(location)
        return 1


def _scan_of(tx: Transaction) -> tuple[datetime, ObjectScan | None]:
    state = tx.metadata.get(SCAN)
    return tx.now(), None if state is None else decode_scan(state)


def _place(key: str) -> tuple[str, str] | None:
    """Return account and recording of a manifest or an object; None for another key."""
    parts = key.split("/")
    if key.startswith(MANIFESTS):
        recording_id = parse_location(key)
        return (
            None
            if recording_id is None or len(parts) != len(("", "account", "name"))
            else (parts[1], recording_id)
        )
    return (parts[1], parts[2]) if len(parts) == len(("", "account", "recording", "object")) else None


def _is_named(key: str, row: NamedObjects | None) -> bool:
    """Return whether the row, as it was read, certainly wants the object."""
    if row is None:
        return False
    if key.startswith(MANIFESTS):
        return row.state is State.AVAILABLE
    return key in row.locations and row.state not in {State.REFUSED, State.FAILED, State.ERASED}


def _is_gone(tx: Transaction, account_id: str, recording_id: str) -> bool:
    """Return whether the recording has a row and must have no manifest.

    An erasure that is in progress deletes its manifest itself, once its closing act is in the object store. While a
    restore still searches for manifests that no event names, one may be newer than its row.
    """
    recording = tx.recordings.get(account_id, recording_id)
    if recording is None or recording.state in {State.AVAILABLE, State.ERASING}:
        return False
    return tx.metadata.get(UNNAMED) is None
