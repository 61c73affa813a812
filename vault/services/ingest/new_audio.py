"""The new audio of a recording of which spans are removed: its key and place, and its samples where it was compressed.

A compressed file cannot be cut: a frame of MP3 holds bits of later ones. What the decoder gives is stored as it is, so
that the samples outside the spans are those that the old file decodes to, without the loss of another encoder. The file
grows: a minute of two channels at 8 kHz takes 1.9 MB.
"""

import asyncio
import hashlib
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vault.domain.recordings.media import HEADER_BYTES, MAX_AUDIO_BYTES, SAMPLE_BYTES
from vault.domain.recordings.recording import Recording, SealedObject
from vault.domain.recordings.redaction import FrameSpan, Removal, SampleLayout, Span, frames_of
from vault.domain.stored import encryption_context as bound
from vault.domain.stored.evidence import encode_details
from vault.errors import Refused
from vault.ports.audio import Describer
from vault.ports.objects import ObjectStore, ObjectWriter
from vault.sealing.keys import KEY_BYTES, NamedKey, recording_key
from vault.sealing.message import seal
from vault.sealing.sealer import Sealer
from vault.services.ingest.describe_audio import ReadBack
from vault.services.ingest.seal_stream import Sealed
from vault.services.ingest.store_attempt import objects_of
from vault.services.lifecycle.audio_columns import DescribedAudio
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.thread_pools import Threads

#: What the decoded audio is stored as.
CONTAINER: Final = "wav"
CODEC: Final = "pcm_s16le"
_TOO_LONG: Final = (
    "The audio is too long to be stored as samples, which spans are removed from. Erase it, or restrict it."
)


@dataclass(slots=True, kw_only=True)
class DecodedAudio:
    """The RenditionSink that silences and seals what a decoder gives."""

    recording: Recording
    spans: Sequence[Span]
    objects: ObjectStore
    location: str
    sealer: Sealer
    threads: Threads
    #: SHA-256 of the samples as they are sealed, with 0 in the spans: what the new file must decode to.
    rest: Any = field(default_factory=hashlib.sha256)
    _digest: Any = field(default_factory=hashlib.sha256)
    _removal: Removal | None = None
    _writer: ObjectWriter | None = None
    _at: int = 0

    @property
    def frames(self) -> Sequence[FrameSpan]:
        """Return the spans in frames, once the header has come."""
        return () if self._removal is None else self._removal.spans

    async def write(self, block: bytes) -> None:
        """Silence and seal the next bytes; the first ones are the header. Raises Refused if it becomes too large."""
        if self._writer is None:
            self._removal = self._removal_of(block)
            self._writer = await self.objects.create(self.location)
            await self._writer.write(self.sealer.header)
        await self._writer.write(await self.threads.run(self._seal, block))

    def _removal_of(self, header: bytes) -> Removal:
        channels, rate = struct.unpack_from("<HI", header, 22)
        (size,) = struct.unpack_from("<I", header, HEADER_BYTES - 4)
        if rate != self.recording.sample_rate or HEADER_BYTES + size > MAX_AUDIO_BYTES:
            raise Refused(_TOO_LONG, reasons=("too_long",))
        layout = SampleLayout(
            first=HEADER_BYTES,
            end=HEADER_BYTES + size,
            width=SAMPLE_BYTES,
            channels=channels,
            sample_rate=rate,
        )
        frames = frames_of(self.spans, sample_rate=rate, frames=layout.frames)
        return Removal(layout=layout, spans=frames, silence=0)

    def _seal(self, block: bytes) -> bytes:
        assert self._removal is not None  # noqa: S101 - the header came first
        silenced = self._removal.apply(self._at, block)
        self._digest.update(silenced)
        self.rest.update(silenced[max(0, HEADER_BYTES - self._at) :])
        self._at += len(block)
        return self.sealer.update(silenced)

    async def finish(self) -> Sealed:
        """Return the sealed object, which is durable. Call it once, after the last block."""
        assert self._writer is not None  # noqa: S101 - a decoder that gives nothing raises Undecodable
        await self._writer.write(self.sealer.finish())
        await self._writer.finish()
        sealed = SealedObject(
            location=self.location, header=self.sealer.header, size=self.sealer.plaintext_length
        )
        return Sealed(sealed=sealed, sha256=self._digest.digest())

    async def abort(self) -> None:
        """Leave nothing."""
        if self._writer is not None:
            await self._writer.abort()


def has_format_of(recording: Recording, described: DescribedAudio, *, exact: bool) -> bool:
    """Return whether the new audio has the format and the length that it must have."""
    container, codec = (recording.container, recording.codec) if exact else (CONTAINER, CODEC)
    wanted = {"container": container, "codec": codec, "channels": recording.channels}
    wanted["sample_rate"] = recording.sample_rate
    if any(described.get(name) != value for name, value in wanted.items()):
        return False
    # Decoded audio has a whole number of samples.
    apart = abs((described.get("duration") or 0.0) - (recording.duration or 0.0))
    return apart == 0.0 if exact else apart * (recording.sample_rate or 0) <= 1.0


async def seal_decoded(describer: Describer, source: ReadBack, audio: DecodedAudio) -> Sealed:
    """Decode a source into ``audio``, and return the sealed object; if anything fails, nothing is left."""
    try:
        await describer.describe(source, audio, account_id=audio.recording.account_id, always=True)
        await source.finish()
        return await audio.finish()
    except BaseException:
        await asyncio.shield(audio.abort())
        raise


def place_of_new(before: OpenedRecording) -> tuple[NamedKey, bound.Context, str]:
    """Return a new key, that is not wrapped yet, what the new audio is bound to, and where it goes."""
    recording = before.recording
    key = recording_key(recording.id, secrets.token_bytes(KEY_BYTES))
    context = bound.of_recording(recording.account_id, recording.id, "audio", before.keys.evidence)
    return key, context, f"{objects_of(recording.account_id, recording.id)}{secrets.token_hex(8)}.audio"


def with_audio(before: OpenedRecording, key: NamedKey, sealed: Sealed) -> OpenedRecording:
    """Return the recording with the new audio under its key."""
    recording = before.recording
    details = replace(before.details(), sha256=sealed.sha256)
    context = bound.of_recording(recording.account_id, recording.id, "details", before.keys.evidence)
    keys = replace(before.keys, details=seal(key, context, encode_details(details)), waveform=None)
    found = replace(recording, audio=sealed.sealed, rendition=None)
    return OpenedRecording(recording=found, key=key, keys=keys, sealed_details=details)
