"""One attempt to store a recording: with its own key and its own object, and the row that names both.

After a crash between object and row the recording is still in its earlier state, and its lease ends: another attempt
begins, with another key and object. The object that no row names is an orphan, which
vault/services/recordings/sweep_orphans.py deletes.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.admission.decision import Decision
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import Lease, Recording, RecordingKeys
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.evidence import Details, Evidence, at_sealing, encode_details
from vault.errors import KeyRetired, LeaseLost, Unavailable, VaultError
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.objects import ObjectStore
from vault.sealing.keys import KEY_BYTES, NamedKey, recording_key
from vault.sealing.message import seal
from vault.services.admission.call_context import CallContext
from vault.services.ingest.seal_stream import seal_stream
from vault.services.lifecycle.audio_columns import SealedParts, StoredAudio
from vault.services.lifecycle.lifecycle import store
from vault.services.shared.encrypted_fields import OpenedRecording, wrap_recording_key
from vault.services.shared.retry_on_rotation import retry_with_month_key
from vault.structured_log import Log
from vault.thread_pools import Threads

_LOG = Log(__name__)


def objects_of(account_id: str, recording_id: str) -> str:
    """Return the prefix of all objects of a recording except its manifest."""
    return f"recordings/{account_id}/{recording_id}/"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SealedRecording:
    """A sealed object that no row names yet, with what its row will hold."""

    recording: Recording
    key: NamedKey
    parts: SealedParts
    details: Details
    #: The month's key when the sealing began.
    month_key: SealingKey

    def under(self, key: SealingKey) -> StoredAudio:
        """Return what the row holds, with the recording key wrapped under this key."""
        wrapped = wrap_recording_key(key, self.recording.account_id, self.key, self.recording.id)
        return StoredAudio(
            **self.parts, wrapped_key=wrapped, key_version=key.version, month_key=key.month_key
        )

    def opened(self, stored: StoredAudio) -> OpenedRecording:
        """Return the recording as if it was stored so and read back."""
        keys = RecordingKeys(
            key_version=stored["key_version"],
            month_key=stored["month_key"],
            wrapped_key=stored["wrapped_key"],
            evidence=stored["evidence"],
            details=stored["sealed_details"],
            waveform=None,
        )
        recording = replace(self.recording, audio=stored["audio"])
        return OpenedRecording(recording=recording, key=self.key, keys=keys, sealed_details=self.details)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Seal a stream into an object that only this attempt writes, and move the row to stored.

    A retry uses a new key, a new message and a new object. So a worker that lost its lease can leave an orphan,
    which the sweep deletes, but can never overwrite an object.
    """

    database: Database
    ring: KeyRing
    objects: ObjectStore
    threads: Threads
    clock: Clock

    async def __call__(
        self,
        lease: Lease,
        blocks: AsyncIterator[bytes],
        *,
        facts: CallFacts,
        known: CallContext,
        decision: Decision,
    ) -> Recording:
        """Seal and store the recording and return it. Raises what ``seal`` and ``store`` raise."""
        sealed = await self.seal(lease.recording, blocks, facts=facts, known=known, decision=decision)
        return await self.store(lease, sealed)

    async def seal(
        self,
        recording: Recording,
        blocks: AsyncIterator[bytes],
        *,
        facts: CallFacts,
        known: CallContext,
        decision: Decision,
    ) -> SealedRecording:
        """Seal the stream into a durable object; ``known`` and ``decision`` become its evidence, ``facts`` are its own.

        Raises TooLarge, Unavailable, and what ``blocks`` raises; then nothing is stored.
        """
        # Get the month key first: without it the sealed stream could not be stored.
        month_key = await self._month_key(recording)
        key = recording_key(recording.id, secrets.token_bytes(KEY_BYTES))
        evidence = self._evidence(recording, known, decision)
        location = f"{objects_of(recording.account_id, recording.id)}{secrets.token_hex(8)}.audio"
        context = bound.of_recording(recording.account_id, recording.id, "audio", evidence.digest)
        sealed = await seal_stream(
            blocks, key=key, context=context, objects=self.objects, location=location, threads=self.threads
        )
        details = Details(sha256=sealed.sha256, facts=facts, evidence=evidence.canonical)
        parts = SealedParts(
            audio=sealed.sealed,
            evidence=evidence.digest,
            sealed_details=seal(key, {**context, "purpose": "details"}, encode_details(details)),
        )
        return SealedRecording(
            recording=recording, key=key, parts=parts, details=details, month_key=month_key
        )

    async def store(self, lease: Lease, sealed: SealedRecording) -> Recording:
        """Move the row to stored, or delete the object. Raises LeaseLost, Unavailable."""
        try:
            return await self._store(lease, sealed)
        except VaultError as error:
            # The row was taken by another worker, or refused: this attempt's object is an orphan. If the reply to
            # the commit was lost, the row may name the object, so it is left to the sweep, which checks the row.
            if isinstance(error, KeyRetired) or not isinstance(error, Unavailable):
                await asyncio.shield(discard(self.objects, sealed.parts["audio"].location))
            raise

    async def keep(self, lease: Lease, sealed: SealedRecording, *, after: timedelta) -> None:
        """Move the row to stored where the recording cannot be admitted now, unless its row has changed already.

        What changed it may be a commit of this worker whose reply was lost, so the object is left to the sweep.
        Raises Unavailable.
        """
        with suppress(LeaseLost):
            await self._store(lease, sealed, after=after)

    async def _store(
        self, lease: Lease, sealed: SealedRecording, *, after: timedelta = timedelta()
    ) -> Recording:
        recording = lease.recording

        async def wrap_and_store(month_key: SealingKey) -> Recording:
            stored = sealed.under(month_key)
            return await self.database.write(lambda tx: _stored(tx, lease, stored, after))

        return await retry_with_month_key(
            self.ring, recording.account_id, recording.received_at, wrap_and_store, first=sealed.month_key
        )

    async def _month_key(self, recording: Recording) -> SealingKey:
        async def found(key: SealingKey) -> SealingKey:
            return key

        return await retry_with_month_key(self.ring, recording.account_id, recording.received_at, found)

    def _evidence(self, recording: Recording, known: CallContext, decision: Decision) -> Evidence:
        return at_sealing(
            decision,
            known.events,
            known.facts,
            statements=known.statements,
            account_id=recording.account_id,
            recording_id=recording.id,
            at=self.clock(),
        )


def _stored(tx: Transaction, lease: Lease, audio: StoredAudio, after: timedelta) -> Recording:
    tx.lock_account(lease.recording.account_id)
    return store(tx, lease, audio, after=after)


async def discard(objects: ObjectStore, location: str) -> None:
    """Delete an orphaned object; if the object store is unavailable, the sweep does it later."""
    try:
        await objects.delete(location)
    except Unavailable:
        _LOG.warning("object.left_for_sweep")
