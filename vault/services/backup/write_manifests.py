"""Manifests: written after the gate, so that the bucket alone can tell what lies in it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from vault.domain.recordings.recording import Recording, RecordingKeys, State
from vault.domain.stored.manifest import encode_manifest, location_of
from vault.errors import Unavailable
from vault.ports.consent_stores import EvidenceRow
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.services.shared.gather_all import gathered

#: Manifests on their way at once: enough to keep the threads of an object store busy.
_BATCH_SIZE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteManifests:
    """Write the manifests that are due.

    A recording can be erased while its manifest is on the way, and the manifest holds its key. So
    the row is asked again after the write, and a manifest that came too late is deleted at once; a
    crash in between leaves it to the sweep. One node at a time writes, by turns; should one that lost its
    turn write after its successor, it finds that the row's keys or evidence are others by now, and the mark
    is set again.
    """

    database: Database
    objects: ObjectStore

    async def any_due(self) -> bool:
        """Say whether there is a manifest to write."""
        return bool(await self.database.read(lambda tx: tx.queue.manifests_due(1)))

    async def __call__(self) -> bool:
        """Do a few; False if none was due."""
        due = await self.database.read(lambda tx: tx.queue.manifests_due(_BATCH_SIZE))
        await gathered([self._write(one) for one in due])
        return bool(due)

    async def _write(self, recording: Recording) -> None:
        known = await self.database.read(lambda tx: _said(tx, recording))
        row, keys, chain = known
        location = location_of(recording.account_id, recording.id)
        if row is not None and keys is not None:
            entries = [(one.digest, one.sealed_entry) for one in chain]
            try:
                await self.objects.put(location, encode_manifest(row, keys, entries))
                # An older version holds the key as it was wrapped before.
                await self.objects.delete_older(location)
            except asyncio.CancelledError:
                # The turn was lost, and this may have come after what its successor wrote.
                await asyncio.shield(self._due_again(recording.id))
                raise

        def done(tx: Transaction) -> bool:
            # This holds the row: what comes to the evidence from here on sets the mark again.
            tx.queue.manifest_written(recording.id, None if keys is None else keys.key_version)
            now = _said(tx, recording)
            if now != known:
                # What came in the meantime must be written, too.
                tx.queue.rewrite_manifest(recording.id)
            return now.row is not None and now.row.state is State.AVAILABLE

        if not await self.database.write(done):
            await self.objects.delete(location)

    async def _due_again(self, recording_id: str) -> None:
        with suppress(Unavailable):
            await self.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))


class _Said(NamedTuple):
    """What a manifest is made of, as one snapshot has it."""

    row: Recording | None
    keys: RecordingKeys | None
    chain: Sequence[EvidenceRow]


def _said(tx: Transaction, recording: Recording) -> _Said:
    return _Said(
        row=tx.recordings.get(recording.account_id, recording.id),
        keys=tx.recordings.keys(recording.id),
        chain=tx.evidence.of_recording(recording.id),
    )
