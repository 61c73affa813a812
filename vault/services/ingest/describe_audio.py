"""Read a sealed recording back and describe it: its formats, its waveform, and a rendition if browsers need one.

The object is read once, for its proof and for its decoder: every tag is verified and the whole is hashed.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from vault.domain.ids import new_id
from vault.domain.recordings.card_data import FoundDigits
from vault.domain.recordings.media import Description, Waveform
from vault.domain.recordings.recording import SealedObject
from vault.domain.stored import encryption_context as bound
from vault.errors import DescriberCrashed, NotFound, Tampered, Undecodable
from vault.ports.audio import Describer
from vault.ports.objects import ObjectStore, ObjectWriter
from vault.sealing.message import seal
from vault.sealing.opener import Opener
from vault.sealing.sealer import Sealer
from vault.services.lifecycle.audio_columns import Described, DescribedAudio
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.structured_log import Log
from vault.thread_pools import Threads

_LOG = Log(__name__)
#: Max attempts of the describer per file; the second one uses a fresh process.
_ATTEMPTS: Final = 2
#: Plaintext bytes of one read from the store: an object of up to 8 MB takes at most two.
CHUNK_BYTES: Final = 4 * 1024 * 1024
#: Smaller chunks are opened on the loop: a hop to a thread costs more CPU than half a millisecond.
_INLINE_BYTES: Final = 1024 * 1024
#: A decoder goes back and forth between the index and the audio.
_MAX_CHUNKS: Final = 2


class ReadBack:
    """The AudioSource of a stored object. Memory use: _MAX_CHUNKS chunks, and the ciphertext of the newest.

    Each chunk is hashed, in order, when it is first there, so a decoder that reads from start to end costs no second
    read. Returns authenticated bytes only: the opener pins the row's header, length and context.
    """

    def __init__(
        self, objects: ObjectStore, opener: Opener, sealed: SealedObject, *, sha256: bytes, threads: Threads
    ) -> None:
        """Read ``sealed``; ``opener`` must be made for this object, ``sha256`` is that of the received audio."""
        self.size = sealed.size
        self._objects = objects
        self._opener = opener
        self._location = sealed.location
        self._sha256 = sha256
        self._threads = threads
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self._digest = hashlib.sha256()
        #: Chunks that are hashed, from the first one on.
        self._hashed = 0

    async def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end). Raises Tampered, NotFound, Unavailable."""
        parts = []
        while start < end:
            number, offset = divmod(start, CHUNK_BYTES)
            part = (await self._chunk(number))[offset : offset + end - start]
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def finish(self) -> None:
        """Read and hash what was not read yet. Raises Tampered, NotFound, Unavailable."""
        # An empty recording has one frame, which must be authenticated too.
        while self._hashed * CHUNK_BYTES < max(1, self.size):
            await self._chunk(self._hashed)

    async def _chunk(self, number: int) -> bytes:
        if number in self._chunks:
            self._chunks.move_to_end(number)
            return self._chunks[number]
        start = number * CHUNK_BYTES
        end = min(start + CHUNK_BYTES, self.size)
        while len(self._chunks) >= _MAX_CHUNKS:
            self._chunks.popitem(last=False)
        ciphertext = await self._objects.read(self._location, *self._opener.span(start, end))
        if end - start < _INLINE_BYTES:
            chunk = self._open(number, start, end, ciphertext)
        else:
            chunk = await self._threads.run(self._open, number, start, end, ciphertext)
        self._chunks[number] = chunk
        return chunk

    def _open(self, number: int, start: int, end: int, ciphertext: bytes) -> bytes:
        chunk = self._opener.open(start, end, ciphertext)
        if number == self._hashed:
            self._digest.update(chunk)
            self._hashed += 1
            if end == self.size and not hmac.compare_digest(self._digest.digest(), self._sha256):
                raise Tampered(
                    "The hash of the object that was read back differs from that of the received audio."
                )
        return chunk


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


class _Dropped:
    """Takes a rendition that the recording has already."""

    async def write(self, block: bytes) -> None:
        """Drop it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeAudio:
    """Describe a sealed recording from the object store, and prove by it that the object is what was received."""

    objects: ObjectStore
    describer: Describer
    threads: Threads

    async def __call__(self, opened: OpenedRecording, *, find_digits: bool) -> Described:
        """Return what the gate stores of the audio, once every tag is checked and the hash compared.

        ``find_digits``: look for keyed digits too.

        Raises Undecodable; DescriberCrashed if all attempts crashed and none decoded a sample; Tampered or NotFound
        if the object is not the received audio; Unavailable.
        """
        audio = opened.recording.audio
        assert audio is not None  # noqa: S101 - the caller has sealed it, or read it from the row
        source = ReadBack(
            self.objects,
            opened.opener(audio, "audio"),
            audio,
            sha256=opened.details().sha256,
            threads=self.threads,
        )
        try:
            description, made = await self._describe_audio(source, opened, find_digits=find_digits)
        except (Undecodable, DescriberCrashed):
            # A damaged object says nothing about the audio: it is fetched again.
            await source.finish()
            raise
        await source.finish()
        columns = _described(opened, description, made)
        if description is None:
            return Described(columns=columns)
        return Described(
            columns=columns, keyed_digits=description.keyed_digits, silences=description.silences
        )

    async def find_digits(self, opened: OpenedRecording) -> Sequence[FoundDigits]:
        """Return the keyed digits of a stored recording, once every tag is checked. Nothing is stored.

        Raises Undecodable, DescriberCrashed, Tampered, NotFound, Unavailable.
        """
        recording, audio = opened.recording, opened.recording.audio
        if audio is None:
            raise NotFound("This recording has no audio.")
        opener, sha256 = opened.opener(audio, "audio"), opened.details().sha256
        source = ReadBack(self.objects, opener, audio, sha256=sha256, threads=self.threads)
        found = await self.describer.describe(
            source, _Dropped(), account_id=recording.account_id, find_digits=True
        )
        await source.finish()
        return found.keyed_digits

    async def _describe_audio(
        self, source: ReadBack, opened: OpenedRecording, *, find_digits: bool
    ) -> tuple[Description | None, SealedObject | None]:
        """Return the description, and the rendition if one is needed; (None, None) for audio that crashes decoders.

        Raises DescriberCrashed if all attempts crashed and none decoded a sample.
        """
        decoded = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._describe_once(source, self._rendition(opened), find_digits=find_digits)
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
        self, source: ReadBack, rendition: _Rendition, *, find_digits: bool
    ) -> tuple[Description, SealedObject | None]:
        account_id = rendition.opened.recording.account_id
        try:
            description = await self.describer.describe(
                source, rendition, account_id=account_id, find_digits=find_digits
            )
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


def _described(
    opened: OpenedRecording, description: Description | None, made: SealedObject | None
) -> DescribedAudio:
    """Return what the gate stores of the audio."""
    recording = opened.recording
    if description is None:
        return DescribedAudio(rendition=made)
    context = bound.of_recording(recording.account_id, recording.id, "waveform", opened.keys.evidence)
    waveform = Waveform(peaks=description.peaks, loudness=description.loudness)
    return DescribedAudio(
        rendition=made,
        sealed_waveform=seal(opened.key, context, waveform.stored),
        container=description.container,
        codec=description.codec,
        channels=description.channels,
        sample_rate=description.sample_rate,
        duration=description.duration,
        damaged=description.damaged,
    )
