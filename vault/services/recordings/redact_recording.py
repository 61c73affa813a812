"""Remove spans of audio from a recording, and prove it: a new object under a new key takes the place of the old one.

The steps: find the samples in the confined decoder; read the old object, silence the spans and seal the result, block
by block in constant memory; read the new object back; decode both, and compare: nothing but silence inside, equal
outside. A compressed format is decoded, and stored as samples (``new_audio.py``). Only then one transaction changes
the row (``vault/services/lifecycle/redact.py``), and the old objects are deleted. A process that is killed before the
transaction leaves objects that no row names, and after it old objects whose key is gone:
``vault/services/recordings/sweep_orphans.py`` deletes both.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.recordings.card_data import DETECTOR, FoundDigits
from vault.domain.recordings.recording import Recording, RecordingKeys, SealedObject
from vault.domain.recordings.redaction import (
    MAX_REDACTIONS,
    METHOD,
    METHOD_DECODED,
    FrameSpan,
    Removal,
    SampleLayout,
    Span,
    can_remove,
    checked_spans,
    frames_of,
    has_samples,
    loudest_silence,
    silence_of,
)
from vault.errors import DescriberCrashed, NotFound, ObjectLocked, Refused, Unavailable, Undecodable
from vault.ports.audio import Describer, SpanDecoder
from vault.ports.clock import Clock
from vault.ports.keys import KeyRing, SealingKey
from vault.ports.objects import ObjectStore
from vault.sealing.sealer import Sealer
from vault.sentence import Sentence
from vault.services.ingest.describe_audio import CHUNK_BYTES, DescribeAudio, ReadBack
from vault.services.ingest.seal_stream import seal_stream
from vault.services.ingest.store_attempt import discard
from vault.services.lifecycle.audio_columns import StoredAudio
from vault.services.lifecycle.evidence_chain import open_entry
from vault.services.lifecycle.redact import NewAudio, redact, redactable
from vault.services.recordings.new_audio import (
    DecodedAudio,
    has_format_of,
    place_of_new,
    seal_decoded,
    with_audio,
)
from vault.services.shared.encrypted_fields import OpenedRecording, open_recording, wrap_recording_key
from vault.services.shared.paced import paced
from vault.services.shared.retry_on_rotation import retry_with_month_key
from vault.structured_log import Log
from vault.thread_pools import Threads

_LOG = Log(__name__)
_FORMAT: Final = (
    "The vault could not decode this recording, so nothing can be removed from it. Erase it, or restrict it."
)
_NOT_PROVED: Final = (
    "The result could not be proved, so nothing was changed. Erase the recording, or restrict it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactRecording:
    """Remove spans of audio from available recordings."""

    database: Database
    ring: KeyRing
    objects: ObjectStore
    decoder: SpanDecoder
    describer: Describer
    describe: DescribeAudio
    threads: Threads
    clock: Clock

    async def __call__(
        self,
        account_id: str,
        recording_id: str,
        spans: Sequence[Span],
        *,
        reason: str,
        actor: str,
        found: bool = False,
    ) -> None:
        """Remove the spans. When this returns, nobody hears them any more: the old key is gone from the row.

        ``found``: the detector of keyed digits has found them, and must not find them in the new audio.
        The old manifest, with the old key, is replaced within seconds, and so is the provider's copy deleted.
        Raises NotFound, RecordingErased, Invalid (``ranges``), Refused for another state or format, Held, Busy if the
        recording changes meanwhile, Unavailable, Tampered.
        """
        recording, keys = await self.database.read(lambda tx: _readable(tx, account_id, recording_id))
        removed = checked_spans(spans, duration=recording.duration or 0.0, channels=recording.channels or 0)
        before = await open_recording(self.ring, recording, keys)
        await self._require_few(before)
        # Whoever dies on the way leaves objects that no row names.
        await self.database.write(lambda tx: tx.object_checks.note(recording_id, account_id))
        made: list[SealedObject] = []
        try:
            new = await self._made(before, removed, made, found=found)
            new = replace(new, statement={"by": actor, "reason": reason, **new.statement})
            await self._write(new, actor)
        except Unavailable:
            # The row may name the new objects: the reply to the commit may be lost.
            raise
        except BaseException:
            await asyncio.shield(self._discard(made))
            raise
        await self._delete_old(recording)

    async def _require_few(self, before: OpenedRecording) -> None:
        """Raise Refused if so much was removed that one call should have done it."""
        rows = await self.database.read(lambda tx: tx.evidence.of_recording(before.recording.id))
        kinds = [open_entry(before, row).content["kind"] async for row in paced(rows)]
        if kinds.count("redaction") >= MAX_REDACTIONS:
            text = Sentence(
                "Spans were removed %(most)s times already, which is the most.", most=MAX_REDACTIONS
            )
            raise Refused(text, reasons=("too_many_redactions",))

    async def _made(
        self,
        before: OpenedRecording,
        spans: Sequence[Span],
        made: list[SealedObject],
        *,
        found: bool,
    ) -> NewAudio:
        """Return the new audio, sealed and proved; the objects of it are added to ``made``."""
        recording = before.recording
        try:
            exact = has_samples(recording.container, recording.codec)
            after, proof = await (self._exact if exact else self._decoded)(before, spans, made)
            result = await self.describe(after, find_digits=found)
            described = result.columns
            made += filter(None, [described.get("rendition")])
            if any(_overlap(span, digits) for span in spans for digits in result.keyed_digits):
                raise _refused(recording, "found again")
        except (Undecodable, DescriberCrashed) as error:
            _LOG.warning("redact.not_decoded", recording_id=recording.id, reason=str(error))
            raise Refused(_NOT_PROVED, reasons=("not_proved",)) from error
        if not has_format_of(recording, described, exact=exact):
            raise _refused(recording, "another format")
        statement = {
            "method": METHOD if exact else METHOD_DECODED, **({"detector": DETECTOR} if found else {}),
            "spans": [span.encoded() for span in spans],
            "old_sha256": before.details().sha256.hex(), "new_sha256": after.details().sha256.hex(), **proof,
        }  # fmt: skip
        return NewAudio(
            before=before,
            after=after,
            stored=_stored(after),
            described={**described, "damaged": recording.damaged},
            statement=statement,
            spans=spans,
        )

    async def _exact(
        self, before: OpenedRecording, spans: Sequence[Span], made: list[SealedObject]
    ) -> tuple[OpenedRecording, dict[str, Any]]:
        """Seal the file without the spans, all other bytes as they are, and prove it."""
        recording = before.recording
        layout = await self.decoder.layout(self._source(before), account_id=recording.account_id)
        removal = _removal(recording, layout, spans)
        key, context, location = place_of_new(before)
        sealed = await seal_stream(
            _without_spans(self._source(before), removal),
            key=key, context=context, objects=self.objects, location=location, threads=self.threads,
        )  # fmt: skip
        made.append(sealed.sealed)
        after = with_audio(before, key, sealed)
        old = await self.decoder.measure(self._source(before), removal.spans, account_id=recording.account_id)
        return after, await self._proof(after, removal.spans, old.rest)

    async def _decoded(
        self, before: OpenedRecording, spans: Sequence[Span], made: list[SealedObject]
    ) -> tuple[OpenedRecording, dict[str, Any]]:
        """Seal the decoded audio without the spans, and prove it."""
        recording = before.recording
        key, context, location = place_of_new(before)
        audio = DecodedAudio(
            recording=recording, spans=spans, objects=self.objects, location=location,
            sealer=Sealer(key, context), threads=self.threads,
        )  # fmt: skip
        source = self._source(before)
        sealed = await seal_decoded(self.describer, source, audio)
        made.append(sealed.sealed)
        after = with_audio(before, key, sealed)
        of = {"container": recording.container, "codec": recording.codec}
        proof = await self._proof(after, audio.frames, audio.rest.digest())
        return after, {**proof, "decoded_from": of}

    async def _proof(self, after: OpenedRecording, spans: Sequence[FrameSpan], rest: bytes) -> dict[str, Any]:
        """Decode the new audio, and return what the evidence says of it. Raises Refused if other samples differ."""
        recording = after.recording
        new = await self.decoder.measure(self._source(after), spans, account_id=recording.account_id)
        wanted = sum((span.end - span.begin) * len(span.channels) for span in spans)
        loudest = loudest_silence(recording.codec or "")
        if new.loudest > loudest or new.samples != wanted or not hmac.compare_digest(new.rest, rest):
            raise _refused(recording, "other samples")
        return {"silent_samples": new.samples, "unchanged_sha256": new.rest.hex()}

    async def _write(self, new: NewAudio, actor: str) -> None:
        recording, at = new.before.recording, self.clock()

        async def wrap_and_write(key: SealingKey) -> None:
            wrapped = wrap_recording_key(key, recording.account_id, new.after.key, recording.id)
            stored: StoredAudio = {
                **new.stored, "wrapped_key": wrapped, "key_version": key.version, "month_key": key.month_key,
            }  # fmt: skip
            await self.database.write(lambda tx: redact(tx, replace(new, stored=stored), actor=actor, at=at))

        await retry_with_month_key(self.ring, recording.account_id, recording.received_at, wrap_and_write)

    async def _delete_old(self, recording: Recording) -> None:
        """Delete every version of the old objects. What a lock keeps, or an outage, is left to the sweep."""
        for location in recording.locations:
            try:
                await self.objects.delete(location)
            except (Unavailable, ObjectLocked) as error:
                _LOG.warning("redact.object_left", recording_id=recording.id, reason=type(error).__name__)

    async def _discard(self, made: Sequence[SealedObject]) -> None:
        for one in made:
            await discard(self.objects, one.location)

    def _source(self, opened: OpenedRecording) -> ReadBack:
        audio = opened.recording.audio
        assert audio is not None  # noqa: S101 - ``_readable`` has looked
        sha256 = opened.details().sha256
        opener = opened.opener(audio, "audio")
        return ReadBack(self.objects, opener, audio, sha256=sha256, threads=self.threads)


def _readable(tx: Transaction, account_id: str, recording_id: str) -> tuple[Recording, RecordingKeys]:
    recording = redactable(tx, account_id, recording_id)
    keys = tx.recordings.keys(recording_id)
    if keys is None or recording.audio is None:
        raise NotFound("This recording has no audio.")
    if not can_remove(recording.container, recording.codec):
        raise Refused(_FORMAT, reasons=("format",))
    return recording, keys


def _removal(recording: Recording, layout: SampleLayout, spans: Sequence[Span]) -> Removal:
    """Return what becomes of the bytes. Raises Undecodable if the header says another format than the decoder did."""
    if (layout.channels, layout.sample_rate) != (recording.channels, recording.sample_rate):
        raise Undecodable("The header differs from what was decoded.")
    frames = frames_of(spans, sample_rate=layout.sample_rate, frames=layout.frames)
    return Removal(layout=layout, spans=frames, silence=silence_of(recording.codec or ""))


def _overlap(span: Span, digits: FoundDigits) -> bool:
    return span.begin_ms < digits.end_ms and digits.begin_ms < span.end_ms


def _refused(recording: Recording, why: str) -> Refused:
    _LOG.error("redact.not_proved", recording_id=recording.id, reason=why)
    return Refused(_NOT_PROVED, reasons=("not_proved",))


async def _without_spans(source: ReadBack, removal: Removal) -> AsyncIterator[bytes]:
    """Yield the audio with silence in the spans, once its tags are checked. Raises Tampered for another file."""
    for start in range(0, source.size, CHUNK_BYTES):
        block = await source.read(start, min(start + CHUNK_BYTES, source.size))
        yield removal.apply(start, block)
    await source.finish()


def _stored(after: OpenedRecording) -> StoredAudio:
    """Return the columns of the new audio; its key is wrapped when it is written."""
    audio, details = after.recording.audio, after.keys.details
    assert audio is not None  # noqa: S101 - it was just sealed
    assert details is not None  # noqa: S101 - the same
    return StoredAudio(
        audio=audio, evidence=after.keys.evidence, sealed_details=details, wrapped_key=b"", key_version=0,
        month_key=None,
    )  # fmt: skip
