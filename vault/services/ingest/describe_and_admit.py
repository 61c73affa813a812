"""Describe and gate: read back the whole object, describe its audio, then decide in one short transaction."""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from functools import partial

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.ids import new_id
from vault.domain.reason import Reason
from vault.domain.recordings.media import Description
from vault.domain.recordings.recording import MAX_ATTEMPTS, Lease, SealedObject, State, backoff_before
from vault.domain.stored import encryption_context as bound
from vault.errors import DescriberCrashed, LeaseLost, NotFound, Tampered, Unavailable, Undecodable
from vault.jitter import RANDOM
from vault.ports.audio import Describer
from vault.ports.keys import KeyRing
from vault.ports.objects import ObjectStore, ObjectWriter
from vault.sealing.message import seal
from vault.sealing.sealer import Sealer
from vault.services.admission.admission import Admission
from vault.services.admission.gate import gate
from vault.services.ingest.store_attempt import discard
from vault.services.lifecycle import lifecycle
from vault.services.lifecycle.lifecycle import DescribedAudio
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording
from vault.services.shared.encrypted_reader import SealedAudio
from vault.services.shared.outage_backoff import backoff_after
from vault.services.shared.row_lease import claim, hold_row
from vault.structured_log import Log
from vault.thread_pools import Threads

_LOG = Log(__name__)
#: Max attempts of the describer per file; the second one uses a fresh process.
_ATTEMPTS = 2
_CRASHED = Reason(
    code="describer_crashed",
    text="The decoder crashed twice before it found any audio. Convert the file, for example to WAV.",
)


@dataclass(slots=True, kw_only=True)
class _Rendition:
    """Seal the rendition, which browsers play instead of the audio; its object is created at the first block."""

    opened: OpenedRecording
    objects: ObjectStore
    location: str
    sealer: Sealer
    threads: Threads
    writer: ObjectWriter | None = field(default=None)

    async def write(self, block: bytes) -> None:
        if self.writer is None:
            self.writer = await self.objects.create(self.location)
            await self.writer.write(self.sealer.header)
        await self.writer.write(await self.threads.run(self.sealer.update, block))

    async def finish(self) -> SealedObject | None:
        if self.writer is None:
            return None
        await self.writer.write(self.sealer.finish())
        await self.writer.finish()
        header, size = self.sealer.header, self.sealer.plaintext_length
        return SealedObject(location=self.location, header=header, size=size)

    async def abort(self) -> None:
        if self.writer is not None:
            await self.writer.abort()


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Take the stored recording that has waited longest through the gate.

    The whole object is read back, every tag checked and the hash compared; only then may the platform's copy be
    deleted. The gate is one transaction: the shared account lock, then the recording switch, the recording's own
    call facts, and the compare-and-swap that makes it available, quarantines it or refuses it.
    """

    database: Database
    ring: KeyRing
    objects: ObjectStore
    describer: Describer
    threads: Threads
    admission: Admission

    async def __call__(self) -> bool:
        """Process one recording; return False if none is due, or if a part of the vault is down."""
        lease = await claim(self.database, State.STORED)
        if lease is None:
            return False
        try:
            return await self._through_the_gate(lease)
        except LeaseLost:
            _LOG.info("describe.lease_lost", recording_id=lease.recording.id)
        return True

    async def _through_the_gate(self, lease: Lease) -> bool:
        recording = lease.recording
        try:
            await hold_row(self.database, lease, self._describe(lease))
        except Undecodable as error:
            await self._give_up(lease, Reason(code="undecodable", text=str(error)))
        except DescriberCrashed:
            await self._give_up(lease, _CRASHED)
        except (Tampered, NotFound):
            _LOG.error("describe.read_back_failed", recording_id=recording.id)
            await self.database.write(lambda tx: self._fetch_again(tx, lease))
        except Unavailable as error:
            if recording.attempts >= MAX_ATTEMPTS:
                _LOG.error("describe.waiting_long", recording_id=recording.id, attempts=recording.attempts)
            pause = backoff_after(error, recording.attempts)
            await self.database.write(lambda tx: tx.queue.put_back(lease, not_before=tx.now() + pause))
            _LOG.warning("describe.put_off", recording_id=recording.id, reason=str(error))
            return False
        return True

    async def _give_up(self, lease: Lease, reason: Reason) -> None:
        await self.database.write(lambda tx: lifecycle.fail(tx, lease, reason))
        if lease.recording.audio is not None:
            await discard(self.objects, lease.recording.audio.location)

    async def _describe(self, lease: Lease) -> None:
        recording = lease.recording
        keys = await self.database.read(lambda tx: tx.recordings.keys(recording.id))
        if keys is None or recording.audio is None:
            raise LeaseLost("The recording was shredded.")
        opened = await open_recording(self.ring, recording, keys)
        source = SealedAudio(self.objects, opened.opener(recording.audio, "audio"), recording.audio)
        await self._read_back(source, opened)
        description, made = await self._describe_audio(source, opened)
        audio, admitted = _described(opened, description, made), None
        while admitted is None:
            # Facts that arrived in the meantime must be indexed too.
            known = await self.admission.load_call(
                recording.account_id, recording.call_ref, opened.details().facts
            )
            decide = partial(
                gate, admission=self.admission, lease=lease, opened=opened, known=known, audio=audio
            )
            admitted = await self.database.write(decide)
        if not admitted:
            for sealed in filter(None, (recording.audio, made)):
                await discard(self.objects, sealed.location)

    async def _read_back(self, source: SealedAudio, opened: OpenedRecording) -> None:
        digest = hashlib.sha256()
        async for block in source.blocks():
            await self.threads.run(digest.update, block)
        if not hmac.compare_digest(digest.digest(), opened.details().sha256):
            raise Tampered(
                "The hash of the object that was read back differs from that of the received audio."
            )

    async def _describe_audio(
        self, source: SealedAudio, opened: OpenedRecording
    ) -> tuple[Description | None, SealedObject | None]:
        """Return the description, and the rendition if one is needed; (None, None) for audio that crashes decoders.

        Raises DescriberCrashed if all attempts crashed and none decoded a sample.
        """
        decoded = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._describe_once(source, self._rendition(opened))
            except DescriberCrashed as error:
                decoded = decoded or error.decoded
                recording_id = opened.recording.id
                _LOG.warning(
                    "describe.crashed", recording_id=recording_id, reason=str(error), attempt=attempt
                )
                if attempt == _ATTEMPTS and not decoded:
                    raise
        # It is audio, so it is kept although it crashes the decoder; it has no waveform.
        return None, None

    async def _describe_once(
        self, source: SealedAudio, rendition: _Rendition
    ) -> tuple[Description, SealedObject | None]:
        account_id = rendition.opened.recording.account_id
        try:
            description = await self.describer.describe(source, rendition, account_id=account_id)
            return description, await rendition.finish() if description.rendition else None
        except BaseException:
            await asyncio.shield(rendition.abort())
            raise

    def _rendition(self, opened: OpenedRecording) -> _Rendition:
        recording, evidence = opened.recording, opened.keys.evidence
        context = bound.of_recording(recording.account_id, recording.id, "rendition", evidence)
        assert recording.audio is not None  # noqa: S101 - the caller has checked it
        location = f"{recording.audio.location.removesuffix('.audio')}-{new_id('att')[-8:]}.rendition"
        sealer = Sealer(opened.key, context)
        return _Rendition(
            opened=opened, objects=self.objects, location=location, sealer=sealer, threads=self.threads
        )

    @staticmethod
    def _fetch_again(tx: Transaction, lease: Lease) -> None:
        attempts = lease.recording.attempts
        if attempts >= MAX_ATTEMPTS or tx.recordings.announcement(lease.recording.id) is None:
            reason = Reason(code="read_back_failed", text="The stored audio could not be read back.")
            lifecycle.fail(tx, lease, reason)
            return
        reason = Reason(
            code="read_back_failed", text="The stored audio could not be read back; it is fetched again."
        )
        lifecycle.retry(tx, lease, after=backoff_before(attempts, RANDOM.random()), reason=reason)


def _described(
    opened: OpenedRecording, description: Description | None, made: SealedObject | None
) -> DescribedAudio:
    """Return what the gate stores of the audio."""
    recording = opened.recording
    if description is None:
        return DescribedAudio(rendition=made)
    context = bound.of_recording(recording.account_id, recording.id, "waveform", opened.keys.evidence)
    return DescribedAudio(
        rendition=made,
        sealed_waveform=seal(opened.key, context, b"".join(description.peaks)),
        container=description.container,
        codec=description.codec,
        channels=description.channels,
        sample_rate=description.sample_rate,
        duration=description.duration,
        damaged=description.damaged,
    )
