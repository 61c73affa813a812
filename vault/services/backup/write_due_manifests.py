"""Write manifests that are due, so that the bucket alone describes its recordings.

A manifest is due (``recordings.manifest_due``) after the gate and after each change of what it holds. A key rotation
wraps month keys again, which the account object holds; it makes a manifest due only where a recording's key comes
under its month key (vault/services/key_rotation/rewrap_account.py).

A recording's first manifest is usually written by the worker that took it through the gate
(vault/services/ingest/admit_recording.py).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.stores.recordings.evidence import EvidenceRow
from vault.database.transaction import Transaction
from vault.domain.calls.metadata import MetadataRow
from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.domain.stored.manifest import encode_manifest, location_of
from vault.errors import Tampered, Unavailable
from vault.ports.objects import ObjectStore
from vault.services.shared.gather_all import gathered
from vault.services.shared.job import DueJob
from vault.services.shared.sealed_audio import with_waveform
from vault.structured_log import Log

_LOG = Log(__name__)

#: Manifests written concurrently; enough to keep the object store's threads busy.
_BATCH_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteDueManifests:
    """Write due manifests.

    A recording can be erased while its manifest is being written, and the manifest holds its key. So the row is
    read again after the write, and a manifest that was written too late is deleted immediately; after a crash in
    between, the sweep deletes it. This is a singleton job; if a node writes after its lease has expired and its
    successor has written, it finds that the row's keys or evidence have changed, and marks the manifest as due
    again.
    """

    database: Database
    objects: ObjectStore

    def jobs(self) -> Sequence[DueJob]:
        """Return the work on due manifests."""
        return [DueJob(work=Work.MANIFESTS, any_due=self.any_due, step=self, needs_objects=True)]

    async def any_due(self) -> bool:
        """Return whether a manifest is due."""
        return bool(await self.database.read(lambda tx: tx.queue.manifests_due(1)))

    async def __call__(self) -> bool:
        """Write a batch; False if none was due."""
        due = await self.database.read(lambda tx: tx.queue.manifests_due(_BATCH_SIZE))
        await gathered([self._write(recording) for recording in due])
        return bool(due)

    async def _write(self, recording: Recording) -> None:
        known = await self.database.read(lambda tx: _content(tx, recording))
        row, keys = known.row, known.keys
        location = location_of(recording.account_id, recording.id)
        if row is not None and keys is not None:
            content = await self._encode(known, row, replace(keys, waveform=known.waveform))
            try:
                # An older version holds a previous wrapped key.
                await self.objects.replace(location, content)
            except asyncio.CancelledError:
                # The lease was lost, and this write may have come after the successor's.
                await asyncio.shield(self._due_again(recording.id))
                raise

        def done(tx: Transaction) -> bool:
            # This locks the row: evidence added later marks the manifest as due again.
            # A manifest under a month key is under no version of the account key.
            version = None if keys is None or keys.month_key is not None else keys.key_version
            tx.queue.manifest_written(recording.id, version)
            now = _content(tx, recording)
            if now != known:
                # Changes made meanwhile must be written too.
                tx.queue.rewrite_manifest(recording.id)
            return now.row is not None and now.row.state is State.AVAILABLE

        if not await self.database.write(done):
            await self.objects.delete(location)

    async def _encode(self, known: "_Content", row: Recording, keys: RecordingKeys) -> bytes:
        """Return the manifest, with the waveform of the one before it where the row has none any more."""
        try:
            keys = await with_waveform(self.objects, row, keys)
        except Tampered:
            # The recording plays without it, and a manifest that is none must not stay.
            _LOG.warning("manifest.waveform_lost", recording_id=row.id)
        entries = [(entry.digest, entry.sealed_entry) for entry in known.chain]
        return encode_manifest(row, keys, entries, known.metadata)

    async def _due_again(self, recording_id: str) -> None:
        with suppress(Unavailable):
            await self.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """The content of a manifest in one snapshot."""

    row: Recording | None
    #: Without the waveform, which leaves the row when the manifest is written.
    keys: RecordingKeys | None
    chain: Sequence[EvidenceRow]
    #: That of its call, and its own.
    metadata: Sequence[MetadataRow]
    waveform: bytes | None = field(compare=False)


def _content(tx: Transaction, recording: Recording) -> _Content:
    keys = tx.recordings.keys(recording.id)
    return _Content(
        row=tx.recordings.get(recording.account_id, recording.id),
        keys=None if keys is None else replace(keys, waveform=None),
        chain=tx.evidence.of_recording(recording.id),
        metadata=tx.call_metadata.of_calls(recording.account_id, [recording.call_ref], [recording.id]),
        waveform=None if keys is None else keys.waveform,
    )
