"""Find what changed in the object store without an event of the anchored log, after a restore of what the log names.

A manifest changes without such an event if facts of its call or a consent statement came later, or in the last
seconds before the loss, whose events were never anchored. Such a manifest was written later than the database's last
common event, so a listing shows it by its time. A listing costs one request per 1000 objects, so it runs while the
vault serves again. Its state is in the database: the worker continues it after a crash.

An available recording without a manifest was perhaps erased by a release that deleted the manifest before the closing
act was in the object store. It is restricted until a person has checked it.
"""

import json
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from vault.batches import batches
from vault.database.interface import Database
from vault.database.schema.core import micros, moment
from vault.database.transaction import Transaction
from vault.domain.audit_log.replay import Replay
from vault.domain.progress import UNNAMED, ProgressCallback, Report, no_progress
from vault.domain.recordings.recording import GONE, Recording, RecordingKeys, State
from vault.domain.stored.manifest import Manifest, location_of, parse_location, prefix_of
from vault.domain.stored.tombstone import prefix_of as prefix_of_tombstones
from vault.errors import NotFound
from vault.ports.objects import ObjectStore, StoredObject
from vault.services.backup.restore_recordings import (
    OpenedManifest,
    RestoreRecordings,
    put_manifests,
    put_tombstones,
)
from vault.services.shared.end_listening import restrict
from vault.services.shared.gather_all import gathered
from vault.services.shared.job import HOURLY, IntervalJob, Job
from vault.structured_log import Log

_LOG = Log(__name__)
#: Manifests compared with rows per statement, and opened concurrently.
_BATCH_SIZE: Final = 500
_CONCURRENCY: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreUnnamed:
    """Compare the manifests and tombstones of each account with its rows."""

    database: Database
    objects: ObjectStore
    recordings: RestoreRecordings

    def jobs(self) -> Sequence[Job]:
        """Return the rest of a restore that was interrupted."""
        return [IntervalJob(name="restore_unnamed", run=self.resume, every=HOURLY, needs_objects=False)]

    async def any_due(self) -> bool:
        """Return whether a restore has left manifests to compare."""
        return await self.database.read(lambda tx: tx.metadata.get(UNNAMED)) is not None

    async def resume(self) -> None:
        """Complete what an interrupted restore has left, for the worker; usually nothing."""
        report = Report()
        if await self.any_due():
            await self(report, actor="worker")
            for finding in report.findings:
                _LOG.warning("restore.finding", reason=finding)

    async def __call__(self, report: Report, progress: ProgressCallback = no_progress, *, actor: str) -> None:
        """Compare all accounts, from the one after the last compared; add counts and findings to the report."""
        while (state := await self.database.read(lambda tx: tx.metadata.get(UNNAMED))) is not None:
            since, after = _decode(state)
            ids = await self.database.read(lambda tx, a=after: tx.account_objects.ids(after=a, limit=1))  # type: ignore[misc]
            if not ids:
                await self.database.write(lambda tx: tx.metadata.replace({}, drop=[UNNAMED]))
                return
            await self._tombstones(ids[0], since, report)
            await self._manifests(ids[0], since, report, progress, actor=actor)
            await self.database.write(lambda tx, a=ids[0], since=since: _advance(tx, since, a))  # type: ignore[misc]

    async def _tombstones(self, account_id: str, since: datetime, report: Report) -> None:
        async for stored in self.objects.list(prefix_of_tombstones(account_id)):
            if stored.modified >= since:
                batch = await self.recordings.open_tombstones(stored.key, report)
                report.findings += await self.database.write(partial(_put_tombstones, account_id, batch))

    async def _manifests(
        self, account_id: str, since: datetime, report: Report, progress: ProgressCallback, *, actor: str
    ) -> None:
        # Eight bytes per recording, so that an account of millions fits in memory.
        present = array("Q")
        batch: list[StoredObject] = []
        async for stored in self.objects.list(prefix_of(account_id)):
            recording_id = parse_location(stored.key)
            if recording_id is None:
                continue
            present.append(_short(recording_id))
            batch.append(stored)
            if len(batch) == _BATCH_SIZE:
                await self._compare(account_id, batch, since, report)
                batch = []
                await progress("listed manifests", len(present), 0)
        await self._compare(account_id, batch, since, report)
        await self._restrict_bare(account_id, array("Q", sorted(present)), report, actor=actor)

    async def _compare(
        self, account_id: str, listed: Sequence[StoredObject], since: datetime, report: Report
    ) -> None:
        """Restore recordings whose manifest has more than their row."""
        ids = {stored.key: parse_location(stored.key) or "" for stored in listed}
        rows = await self.database.read(lambda tx: tx.inventory.states([*ids.values()]))
        newer = [stored.key for stored in listed if _may_be_newer(stored, rows.get(ids[stored.key]), since)]
        for keys in batches(newer, _CONCURRENCY):
            opened = await gathered(
                [self.recordings.open_manifest(key, Replay(), report, listed=False) for key in keys]
            )
            usable = [manifest for manifest in opened if manifest is not None]
            placed = await self.database.write(lambda tx, batch=usable: _put(tx, account_id, batch))  # type: ignore[misc]
            if placed:
                report.add("available", placed)

    async def _restrict_bare(
        self, account_id: str, present: Sequence[int], report: Report, *, actor: str
    ) -> None:
        """Restrict available recordings that have no manifest although none is due."""
        after: tuple[datetime, str] | None = None
        while rows := await self.database.read(
            lambda tx, after=after: tx.inventory.written_of(account_id, after=after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            after = rows[-1]
            for _, recording_id in rows:
                if _has(present, _short(recording_id)) or await self._exists(account_id, recording_id):
                    continue
                if await self.database.write(partial(_restrict, account_id, recording_id, actor)):
                    report.findings.append(
                        f"{recording_id}: it is available and its manifest is missing. It may have been erased shortly "
                        "before the database was lost, so it is restricted now: lift that, or erase it."
                    )

    async def _exists(self, account_id: str, recording_id: str) -> bool:
        """Return whether a manifest was written since the listing."""
        try:
            await self.objects.size(location_of(account_id, recording_id))
        except NotFound:
            return False
        return True


def begin_unnamed(tx: Transaction, since: datetime) -> None:
    """Make every account due for the comparison, from ``since`` or an earlier unfinished one on."""
    state = tx.metadata.get(UNNAMED)
    earlier = since if state is None else min(since, _decode(state)[0])
    tx.metadata.replace({UNNAMED: _encode(earlier, "")})


def _advance(tx: Transaction, since: datetime, account_id: str) -> None:
    state = tx.metadata.get(UNNAMED)
    if state is not None and _decode(state)[0] == since:  # Otherwise another restore has begun.
        tx.metadata.replace({UNNAMED: _encode(since, account_id)})


def _may_be_newer(stored: StoredObject, state: State | None, since: datetime) -> bool:
    """Return whether a manifest may have what its row lacks; ``state``: that of the row, None if there is none."""
    return state is None or (stored.modified >= since and state not in GONE)


def _put(tx: Transaction, account_id: str, opened: Sequence[OpenedManifest]) -> int:
    """Restore recordings unless their rows have gone on since; return how many."""
    # The vault serves: nothing may be admitted, erased or re-encrypted between the checks and the writes.
    tx.lock_account(account_id, exclusive=True)
    versions = tx.account_objects.key_versions(account_id)
    wanted = [manifest for manifest in opened if _extends(tx, manifest, versions)]
    erased = [found.manifest.recording for found in wanted if _call_is_erased(tx, found.manifest.recording)]
    # Its call was erased before the recording was known here. The state makes the worker delete its remains.
    put_tombstones([replace(recording, state=State.ERASING) for recording in erased], tx)
    living = [found for found in wanted if found.manifest.recording not in erased]
    placed, _ = put_manifests(living, (), {}, tx)
    return len(placed)


def _call_is_erased(tx: Transaction, recording: Recording) -> bool:
    since = recording.available_at or recording.received_at
    return tx.closing_acts.closed_since(recording.account_id, "call.erased", recording.call_ref, since=since)


def _extends(tx: Transaction, opened: OpenedManifest, versions: Sequence[int]) -> bool:
    """Return whether a manifest, whose key still exists, has more than the row."""
    manifest = opened.manifest
    row, keys = tx.recordings.by_id(manifest.recording.id), tx.recordings.keys(manifest.recording.id)
    if not _key_exists(tx, manifest, versions):
        return False
    if row is None or row.state is not State.AVAILABLE or keys is None:
        return True
    own = [entry.digest for entry in tx.evidence.of_recording(row.id)]
    found = [digest for digest, _ in manifest.chain]
    return len(found) > len(own) and found[: len(own)] == own and not _is_older(manifest.keys, keys)


def _key_exists(tx: Transaction, manifest: Manifest, versions: Sequence[int]) -> bool:
    if manifest.keys.month_key is None:
        return manifest.keys.key_version in versions
    try:
        tx.month_keys.get(manifest.recording.account_id, manifest.keys.month_key)
    except NotFound:
        return False
    return True


def _is_older(stored: RecordingKeys, own: RecordingKeys) -> bool:
    """Return whether a rotation has wrapped the row's key again since the manifest was written."""
    if stored.month_key is not None or own.month_key is not None:
        return stored.month_key is None
    return stored.key_version < own.key_version


def _put_tombstones(account_id: str, batch: Sequence[Recording], tx: Transaction) -> list[str]:
    tx.lock_account(account_id, exclusive=True)
    return put_tombstones(batch, tx)


def _restrict(account_id: str, recording_id: str, actor: str, tx: Transaction) -> bool:
    tx.lock_account(account_id, exclusive=True)
    row = tx.recordings.by_id(recording_id)
    if row is None or row.state is not State.AVAILABLE or tx.inventory.manifest_due(recording_id):
        return False
    restrict(tx, row, at=tx.now(), actor=actor, cause="restore", result="manifest_missing")
    tx.queue.rewrite_manifest(recording_id)
    return True


def _short(recording_id: str) -> int:
    """Return the first 64 bits of a recording's random id."""
    try:
        return int(recording_id.partition("_")[2][:16], 16)
    except ValueError:
        return 0


def _has(ordered: Sequence[int], value: int) -> bool:
    at = bisect_left(ordered, value)
    return at < len(ordered) and ordered[at] == value


def _encode(since: datetime, after: str) -> bytes:
    return json.dumps({"since": micros(since), "after": after}).encode()


def _decode(state: bytes) -> tuple[datetime, str]:
    values = json.loads(state)
    return moment(values["since"]), str(values["after"])
