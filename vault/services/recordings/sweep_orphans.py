"""The sweep: delete orphans of crashed attempts, after a grace period and a last check of the row."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vault import metrics
from vault.database.interface import Database
from vault.database.stores.api_keys import ANSWER_LEASES
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.objects import ObjectStore
from vault.services.shared.clock_skew import earlier
from vault.structured_log import Log

_LOG = Log(__name__)
#: Min age at which an orphaned object or upload, or a stored response of an idempotent request, is deleted.
GRACE = timedelta(hours=24)


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
    grace: timedelta = GRACE

    async def __call__(self) -> int:
        """Return the number of objects and uploads deleted."""
        # The earlier of two clocks: a node with a wrong clock must not delete the new uploads of other nodes.
        before = await self.database.read(lambda tx: earlier(tx, self.clock())) - self.grace
        # Uploads of every kind: an unfinished manifest holds a wrapped key, an unfinished log tile blocks its key.
        removed = await self.objects.abort_uploads("", before=before)
        async for stored in self.objects.list("recordings/"):
            parts = stored.key.split("/")
            if stored.modified >= before or len(parts) != len(
                ("recordings", "account", "recording", "object")
            ):
                continue
            if not await self._wanted(parts[1], parts[2], stored.key):
                await self.objects.delete(stored.key)
                removed += 1
        removed += await self._manifests()
        await self._answers(before)
        # The keys of refused or failed recordings were deleted from their rows; this deletes them from the WAL too.
        if not await self.database.scrub():
            _LOG.warning("sweep.database_log_not_emptied")
        metrics.SWEPT.inc(removed)
        if removed:
            _LOG.info("sweep.removed", count=removed)
        return removed

    async def _answers(self, before: datetime) -> None:
        """Delete old stored responses of idempotent requests, and leases that dead nodes left on such requests."""
        while await self.database.write(lambda tx: tx.api_keys.forget_answers(before)):
            pass
        await self.database.write(lambda tx: tx.turns.forget_leases(ANSWER_LEASES, before))

    async def _wanted(self, account_id: str, recording_id: str, location: str) -> bool:
        if await self.database.read(lambda tx: tx.queue.wants_object(recording_id, location)):
            return True
        known = await self.database.read(lambda tx: tx.recordings.by_id(recording_id))
        return known is None and await self._exists(location_of(account_id, recording_id))

    async def _exists(self, key: str) -> bool:
        try:
            await self.objects.size(key)
        except NotFound:
            return False
        return True

    async def _manifests(self) -> int:
        """Delete manifests of shredded recordings; without grace period, because each holds a wrapped key."""
        removed = 0
        async for stored in self.objects.list("manifests/"):
            _, account_id, name = [*stored.key.split("/", 2), ""][:3]
            recording_id = name.removesuffix(".json")
            if stored.key != location_of(account_id, recording_id):
                continue
            if await self.database.read(lambda tx, a=account_id, r=recording_id: _is_gone(tx, a, r)):  # type: ignore[misc]
                await self.objects.delete(stored.key)
                removed += 1
        return removed


def _is_gone(tx: Transaction, account_id: str, recording_id: str) -> bool:
    recording = tx.recordings.get(account_id, recording_id)
    return recording is not None and recording.state is not State.AVAILABLE
