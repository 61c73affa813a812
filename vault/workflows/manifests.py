"""Manifests: written after the gate, so that the bucket alone can tell what lies in it."""

from dataclasses import dataclass

from vault.domain.manifest import encode_manifest, location_of
from vault.domain.recording import Recording, State
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore

_AT_ONCE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteManifests:
    """Write the manifests that are due.

    A recording can be erased while its manifest is on the way, and the manifest holds its key. So
    the row is asked again after the write, and a manifest that came too late is deleted at once; a
    crash in between leaves it to the sweep.
    """

    database: Database
    objects: ObjectStore

    async def __call__(self) -> bool:
        """Do a few; False if none was due."""
        due = await self.database.read(lambda tx: tx.queue.manifests_due(_AT_ONCE))
        for recording in due:
            await self._write(recording)
        return bool(due)

    async def _write(self, recording: Recording) -> None:
        keys, chain = await self.database.read(
            lambda tx: (tx.recordings.keys(recording.id), tx.evidence.of_recording(recording.id))
        )
        location = location_of(recording.account_id, recording.id)
        if keys is not None:
            entries = [(row.digest, row.sealed_entry) for row in chain]
            await self.objects.put(location, encode_manifest(recording, keys, entries))

        def done(tx: Transaction) -> bool:
            # This holds the row: what comes to the evidence from here on sets the mark again.
            tx.queue.manifest_written(recording.id)
            if len(tx.evidence.of_recording(recording.id)) != len(chain):
                # What came in the meantime must be written, too.
                tx.queue.rewrite_manifest(recording.id)
            now = tx.recordings.get(recording.account_id, recording.id)
            return now is not None and now.state is State.AVAILABLE

        if not await self.database.write(done):
            await self.objects.delete(location)
