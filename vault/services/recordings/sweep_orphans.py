"""The sweep: removes what crashed attempts left behind, after a grace period and after asking again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vault import metrics
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.errors import NotFound
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.ports.stores import ANSWER_LEASES
from vault.services.shared.clock_skew import earlier
from vault.structured_log import Log

_LOG = Log(__name__)
#: An object or upload that nothing names is left alone for so long, and an answer to a request is kept.
GRACE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """Remove objects that no row names, manifests of recordings that are gone, and unfinished uploads.

    Only what lies under the vault's own prefix is looked at. The row is asked immediately before
    each deletion, and an object's key is unique to its attempt, so nothing living can be hit.
    Rows are never deleted: a manifest without one is what a restore could not bring in, and stays with its
    audio for the next.
    """

    database: Database
    objects: ObjectStore
    clock: Clock
    grace: timedelta = GRACE

    async def __call__(self) -> int:
        """Return how many objects and uploads were removed."""
        # The earlier of two clocks: a node in another year must not take the uploads of others for old.
        before = await self.database.read(lambda tx: earlier(tx, self.clock())) - self.grace
        # Of every kind: a manifest that was never finished holds a wrapped key, and a tile of the log is in the way.
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
        # Keys of what was refused or failed are gone from their rows; here they leave the database's log.
        if not await self.database.scrub():
            _LOG.warning("sweep.database_log_not_emptied")
        metrics.SWEPT.inc(removed)
        if removed:
            _LOG.info("sweep.removed", count=removed)
        return removed

    async def _answers(self, before: datetime) -> None:
        """Delete answers kept for repeated requests, and leases that dead nodes left on unanswered ones."""
        while await self.database.write(lambda tx: tx.api_keys.forget_answers(before)):
            pass
        await self.database.write(lambda tx: tx.turns.forget_leases(ANSWER_LEASES, before))

    async def _wanted(self, account_id: str, recording_id: str, location: str) -> bool:
        if await self.database.read(lambda tx: tx.queue.wants_object(recording_id, location)):
            return True
        known = await self.database.read(lambda tx: tx.recordings.by_id(recording_id))
        return known is None and await self._is_there(location_of(account_id, recording_id))

    async def _is_there(self, key: str) -> bool:
        try:
            await self.objects.size(key)
        except NotFound:
            return False
        return True

    async def _manifests(self) -> int:
        """Remove manifests of recordings that are shredded: each holds a wrapped key, so at once."""
        removed = 0
        async for stored in self.objects.list("manifests/"):
            _, account_id, name = [*stored.key.split("/", 2), ""][:3]
            recording_id = name.removesuffix(".json")
            if stored.key != location_of(account_id, recording_id):
                continue
            if await self.database.read(lambda tx, a=account_id, r=recording_id: _has_left(tx, a, r)):  # type: ignore[misc]
                await self.objects.delete(stored.key)
                removed += 1
        return removed


def _has_left(tx: Transaction, account_id: str, recording_id: str) -> bool:
    recording = tx.recordings.get(account_id, recording_id)
    return recording is not None and recording.state is not State.AVAILABLE
