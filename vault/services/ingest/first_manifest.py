"""Write the manifest of a recording that was just admitted, while its lease goes on.

Nobody else writes it under the lease, so it has no older version and one request is enough. Whatever goes wrong
leaves it due, and the job (services/backup/write_due_manifests.py) writes it once the lease is over or released.
"""

import asyncio
from dataclasses import dataclass

from vault.database.interface import Database
from vault.domain.recordings.recording import Lease, RecordingKeys
from vault.domain.stored.manifest import encode_manifest, location_of
from vault.errors import Unavailable, VaultError
from vault.ports.objects import ObjectStore
from vault.services.lifecycle.lifecycle import PassedGate
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstManifest:
    """Write the first manifest of a recording, from what its gate has just committed."""

    database: Database
    objects: ObjectStore

    async def __call__(self, held: Lease, passed: PassedGate, keys: RecordingKeys) -> None:
        """Write the manifest. The recording is available: an unavailable part of the vault only delays the manifest."""
        recording = passed.recording
        location = location_of(recording.account_id, recording.id)
        chain = [(row.digest, row.sealed_entry) for row in passed.chain]
        try:
            await self.objects.replace(location, encode_manifest(recording, keys, chain), first=True)
            # A manifest under a month key is under no version of the account key.
            version = None if keys.month_key is not None else keys.key_version
            if not await self.database.first_manifest_written(held, version):
                # Erased meanwhile: the manifest holds its key.
                await self.objects.delete(location)
        except Unavailable as error:
            _LOG.warning("manifest.put_off", recording_id=recording.id, reason=str(error))
            await asyncio.shield(self._leave(held))
        except asyncio.CancelledError:
            await asyncio.shield(self._leave(held))
            raise

    async def _leave(self, held: Lease) -> None:
        try:
            await self.database.write(lambda tx: tx.queue.leave_manifest(held))
        except VaultError:
            return  # The lease expires.
