"""Describe a sealed recording, take it through the gate, and write its manifest: the last part of every ingest."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.calls.metadata import MetadataRow
from vault.domain.reason import Reason
from vault.domain.recordings.fetch_attempts import BACKOFF, MAX_FETCHES
from vault.domain.recordings.recording import Lease, Recording, RecordingKeys, SealedObject, State
from vault.domain.stored.manifest import encode_manifest, location_of
from vault.errors import DescriberCrashed, Held, NotFound, Tampered, Unavailable, Undecodable, VaultError
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.objects import ObjectStore
from vault.services.admission.admission import Admission
from vault.services.admission.call_context import CallContext
from vault.services.admission.call_opener import CallOpener
from vault.services.admission.gate import gate
from vault.services.ingest.describe_audio import DescribeAudio
from vault.services.ingest.store_attempt import SealedRecording, discard
from vault.services.ingest.without_cards import WithoutCards
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.audio_columns import Described, StoredAudio
from vault.services.lifecycle.lifecycle import PassedGate
from vault.services.lifecycle.redact import NewAudio
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.services.shared.retry_on_rotation import retry_with_month_key
from vault.structured_log import Log

_LOG = Log(__name__)
_CRASHED: Final = Reason(
    code="describer_crashed",
    text="The decoder crashed twice before it found any audio. Convert the file, for example to WAV.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AtGate:
    """The audio that the gate decides about."""

    opened: OpenedRecording
    found: Described
    #: What the row does not hold yet.
    stored: StoredAudio | None = None
    #: What the evidence says of card numbers that are not in it any more.
    removed: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arrived:
    """What was found in the audio that arrived, and the audio without its card numbers where a policy removes them."""

    found: Described
    new: NewAudio | None

    def without_cards(self, new: NewAudio) -> _AtGate:
        """Return the new audio; pauses are looked for in the audio that arrived, which no removal has made silent."""
        found = Described(columns=new.described, keyed_digits=new.keyed_digits, silences=self.found.silences)
        return _AtGate(opened=new.after, found=found, stored=new.stored, removed=new.statement)


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
    without_cards: WithoutCards

    async def stored(self, lease: Lease, opened: OpenedRecording) -> None:
        """Continue with a recording whose row names the sealed object.

        Every outcome is in the row when this returns, except LeaseLost and Unavailable, which are raised.
        """
        recording, made = lease.recording, [*filter(None, [opened.recording.audio])]
        arrived = await self._described(lease, opened, made)
        if arrived is None:
            return
        decide = partial(self._decide, lease, arrived, opened)
        try:
            if arrived.new is None:
                at_gate, passed = await decide(None)
            else:
                at_gate, passed = await retry_with_month_key(
                    self.ring, recording.account_id, recording.received_at, decide
                )
        except Unavailable:
            raise
        except Exception:
            # The row still names the audio, which is the first.
            await asyncio.shield(self._discard(made[1:]))
            raise
        await self._finish(lease, at_gate, passed, made)

    async def sealed(self, lease: Lease, sealed: SealedRecording, known: CallContext) -> None:
        """Continue with a recording that was just sealed, and whose row does not name the object yet.

        The gate's transaction stores it too. ``known`` is its call, as it was loaded before the fetch. Raises the
        same errors as ``stored``; only after Unavailable may the row name the object nevertheless.
        """
        recording, made = lease.recording, [sealed.parts["audio"]]
        try:
            arrived = await self._described(lease, sealed.opened(sealed.under(sealed.month_key)), made)
            if arrived is None:
                await self._discard(made)
                return
            write = partial(self._store_and_decide, lease, arrived, sealed, known)
            at_gate, passed = await retry_with_month_key(
                self.ring, recording.account_id, recording.received_at, write, first=sealed.month_key
            )
        except Unavailable:
            raise
        except Exception:
            await asyncio.shield(self._discard(made))
            raise
        await self._finish(lease, at_gate, passed, made)

    async def _store_and_decide(
        self,
        lease: Lease,
        arrived: _Arrived,
        sealed: SealedRecording,
        known: CallContext,
        month_key: SealingKey,
    ) -> tuple[_AtGate, PassedGate]:
        stored = sealed.under(month_key)
        return await self._decide(
            lease, arrived, sealed.opened(stored), month_key, stored=stored, known=known
        )

    async def _described(
        self, lease: Lease, opened: OpenedRecording, made: list[SealedObject]
    ) -> _Arrived | None:
        """Return what the gate needs; None where the row was failed, or put back to be fetched again.

        Objects are added to ``made``, whatever happens.
        """
        policy = await self.database.read(lambda tx: tx.card_data.policy(lease.recording.account_id))
        try:
            found = await self.describe(opened, find_digits=policy.keyed_digits != "off")
            made += filter(None, [found.columns.get("rendition")])
            return _Arrived(found=found, new=await self.without_cards(opened, found, policy, made))
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

    async def _decide(
        self,
        lease: Lease,
        arrived: _Arrived,
        opened: OpenedRecording,
        month_key: SealingKey | None,
        *,
        stored: StoredAudio | None = None,
        known: CallContext | None = None,
    ) -> tuple[_AtGate, PassedGate]:
        """Take the audio without card numbers through the gate, or else, as under a hold, the audio that arrived.

        ``month_key`` wraps the key of new audio.
        """
        if arrived.new is not None and month_key is not None:
            without = arrived.without_cards(arrived.new.under(month_key))
            try:
                return without, await self._through_the_gate(lease, without, known)
            except Held:
                _LOG.warning("card_data.left", recording_id=lease.recording.id, reason="held")
        as_it_came = _AtGate(opened=opened, found=arrived.found, stored=stored)
        return as_it_came, await self._through_the_gate(lease, as_it_came, known)

    async def _through_the_gate(
        self, lease: Lease, at_gate: _AtGate, known: CallContext | None
    ) -> PassedGate:
        recording = lease.recording
        while True:
            # Facts that arrived in the meantime must be indexed too.
            known = known or await self.call_opener.load_call(
                recording.account_id, recording.call_ref, at_gate.opened.details().facts
            )
            decide = partial(
                gate,
                admission=self.admission,
                lease=lease,
                opened=at_gate.opened,
                known=known,
                found=at_gate.found,
                stored=at_gate.stored,
                removed=at_gate.removed,
            )
            passed = await self.database.write(decide)
            if passed is not None:
                return passed
            known = None

    async def _finish(
        self, lease: Lease, at_gate: _AtGate, passed: PassedGate, made: Sequence[SealedObject]
    ) -> None:
        """Delete the objects that the row does not name, and write the manifest of an available recording."""
        named = passed.recording.locations
        await self._discard(one for one in made if one.location not in named)
        if passed.recording.state is State.AVAILABLE:
            keys = replace(at_gate.opened.keys, waveform=at_gate.found.columns.get("sealed_waveform"))
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
