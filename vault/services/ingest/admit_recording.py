"""Describe a sealed recording, take it through the gate, and write its manifest: the last part of every ingest."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.calls.metadata import MetadataRow
from vault.domain.reason import Reason
from vault.domain.recordings.fetch_attempts import BACKOFF, MAX_FETCHES
from vault.domain.recordings.recording import Lease, Recording, RecordingKeys, SealedObject, State
from vault.domain.stored.manifest import encode_manifest, location_of
from vault.errors import DescriberCrashed, NotFound, Tampered, Unavailable, Undecodable, VaultError
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.objects import ObjectStore
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.gate import gate
from vault.services.ingest.describe_audio import DescribeAudio
from vault.services.ingest.store_attempt import SealedRecording, discard
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.audio_columns import Described, DescribedAudio, StoredAudio
from vault.services.lifecycle.lifecycle import PassedGate
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.retry_on_rotation import retry_with_month_key
from vault.structured_log import Log

_LOG = Log(__name__)
_CRASHED: Final = Reason(
    code="describer_crashed",
    text="The decoder crashed twice before it found any audio. Convert the file, for example to WAV.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmitRecording:
    """Describe, decide, and write the manifest, under the lease of a recording that is sealed.

    The whole object is read back, every tag checked and the hash compared; only then may the platform's copy be
    deleted. The gate is one transaction: the shared account lock, then the recording switch, the recording's own
    call facts, and the compare-and-swap that makes it available, quarantines it or refuses it.
    """

    database: Database
    ring: KeyRing
    objects: ObjectStore
    admission: Admission
    call_opener: CallOpener
    describe: DescribeAudio

    async def stored(self, lease: Lease, opened: OpenedRecording) -> None:
        """Continue with a recording whose row names the sealed object.

        Every outcome is in the row when this returns, except LeaseLost and Unavailable, which are raised.
        """
        found = await self._described(lease, opened)
        if found is not None:
            passed = await self._through_the_gate(lease, opened, found)
            await self._finish(lease, opened, found.columns, passed)

    async def sealed(self, lease: Lease, sealed: SealedRecording, known: CallContext) -> None:
        """Continue with a recording that was just sealed, and whose row does not name the object yet.

        The gate's transaction stores it too. ``known`` is its call, as it was loaded before the fetch. Raises the
        same errors as ``stored``; only after Unavailable may the row name the object nevertheless.
        """
        stored = sealed.under(sealed.month_key)
        unnamed = [sealed.parts["audio"]]
        try:
            found = await self._described(lease, sealed.opened(stored))
            if found is None:
                await self._discard(unnamed)
                return
            unnamed += filter(None, [found.columns.get("rendition")])
            write = partial(self._store_and_decide, lease, sealed, found, known)
            recording = lease.recording
            opened, passed = await retry_with_month_key(
                self.ring, recording.account_id, recording.received_at, write, first=sealed.month_key
            )
        except Unavailable:
            raise
        except Exception:
            await asyncio.shield(self._discard(unnamed))
            raise
        await self._finish(lease, opened, found.columns, passed)

    async def _store_and_decide(
        self,
        lease: Lease,
        sealed: SealedRecording,
        found: Described,
        known: CallContext,
        month_key: SealingKey,
    ) -> tuple[OpenedRecording, PassedGate]:
        stored = sealed.under(month_key)
        opened = sealed.opened(stored)
        return opened, await self._through_the_gate(lease, opened, found, known=known, stored=stored)

    async def _described(self, lease: Lease, opened: OpenedRecording) -> Described | None:
        """Return the description; None where the row was failed, or put back to be fetched again."""
        policy = await self.database.read(lambda tx: tx.card_data.policy(lease.recording.account_id))
        try:
            return await self.describe(opened, find_digits=policy.keyed_digits != "off")
        except Undecodable as error:
            await self._give_up(lease, opened, Reason(code="undecodable", text=str(error)))
        except DescriberCrashed:
            await self._give_up(lease, opened, _CRASHED)
        except (Tampered, NotFound):
            _LOG.error("describe.read_back_failed", recording_id=lease.recording.id)
            await self.database.write(partial(_fetch_again, lease=lease))
        return None

    async def _give_up(self, lease: Lease, opened: OpenedRecording, reason: Reason) -> None:
        await self.database.write(lambda tx: lifecycle.fail(tx, lease, reason))
        await self._discard(filter(None, [opened.recording.audio]))

    async def _through_the_gate(
        self,
        lease: Lease,
        opened: OpenedRecording,
        found: Described,
        *,
        known: CallContext | None = None,
        stored: StoredAudio | None = None,
    ) -> PassedGate:
        recording = lease.recording
        while True:
            # Facts that arrived in the meantime must be indexed too.
            known = known or await self.call_opener.load_call(
                recording.account_id, recording.call_ref, opened.details().facts
            )
            decide = partial(
                gate,
                admission=self.admission,
                lease=lease,
                opened=opened,
                known=known,
                found=found,
                stored=stored,
            )
            passed = await self.database.write(decide)
            if passed is not None:
                return passed
            known = None

    async def _finish(
        self, lease: Lease, opened: OpenedRecording, audio: DescribedAudio, passed: PassedGate
    ) -> None:
        """Delete the objects of a refused recording, or write the manifest of an available one."""
        if passed.recording.state is State.REFUSED:
            await self._discard(filter(None, [opened.recording.audio, audio.get("rendition")]))
        if passed.recording.state is State.AVAILABLE:
            keys = replace(opened.keys, waveform=audio.get("sealed_waveform"))
            await self._write_manifest(lease, passed, keys)

    async def _write_manifest(self, held: Lease, passed: PassedGate, keys: RecordingKeys) -> None:
        """Write the first manifest of a recording, from what its gate has just committed.

        Nobody else writes it under the lease, so it has no older version and one request is enough. The recording is
        available: whatever goes wrong leaves the manifest due, and the job (services/backup/write_due_manifests.py)
        writes it once the lease is over or released.
        """
        recording = passed.recording
        location = location_of(recording.account_id, recording.id)
        chain = [(row.digest, row.sealed_entry) for row in passed.chain]
        try:
            metadata = await self._metadata(recording) if passed.has_metadata else ()
            content = encode_manifest(recording, keys, chain, metadata)
            await self.objects.replace(location, content, first=True)
            # A manifest under a month key is under no version of the account key.
            version = None if keys.month_key is not None else keys.key_version
            if not await self.database.first_manifest_written(held, version):
                # Erased meanwhile: the manifest holds its key.
                await self.objects.delete(location)
        except Unavailable as error:
            _LOG.warning("manifest.put_off", recording_id=recording.id, reason=str(error))
            await asyncio.shield(self._leave_manifest(held))
        except asyncio.CancelledError:
            await asyncio.shield(self._leave_manifest(held))
            raise

    async def _metadata(self, recording: Recording) -> Sequence[MetadataRow]:
        return await self.database.read(
            lambda tx: tx.call_metadata.of_calls(recording.account_id, [recording.call_ref], [recording.id])
        )

    async def _leave_manifest(self, held: Lease) -> None:
        try:
            await self.database.write(lambda tx: tx.queue.leave_manifest(held))
        except VaultError:
            return  # The lease expires.

    async def _discard(self, sealed: Iterable[SealedObject]) -> None:
        for item in sealed:
            await discard(self.objects, item.location)


def _fetch_again(tx: Transaction, *, lease: Lease) -> None:
    attempts = lease.recording.attempts
    if attempts >= MAX_FETCHES or tx.recordings.announcement(lease.recording.id) is None:
        reason = Reason(code="read_back_failed", text="The stored audio could not be read back.")
        lifecycle.fail(tx, lease, reason)
        return
    reason = Reason(
        code="read_back_failed", text="The stored audio could not be read back; it is fetched again."
    )
    lifecycle.retry(tx, lease, after=BACKOFF.after(attempts), reason=reason)
