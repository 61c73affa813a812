"""Make audio of which spans are removed, under a new key, and prove it; nothing is written into a row here.

The steps: find the samples in the confined decoder; read the old object, silence the spans and seal the result, block
by block in constant memory; read the new object back; decode both, and compare: nothing but silence inside, equal
outside. A compressed format is decoded, and stored as samples (``new_audio.py``). Who removes spans of what is
available is ``vault/services/recordings/redact_recording.py``, of what arrives ``without_cards.py``.
"""

import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vault.domain.recordings.card_data import DETECTOR, FoundDigits
from vault.domain.recordings.recording import Recording, SealedObject
from vault.domain.recordings.redaction import (
    METHOD,
    METHOD_DECODED,
    FrameSpan,
    Removal,
    SampleLayout,
    Span,
    frames_of,
    has_samples,
    loudest_silence,
    silence_of,
)
from vault.errors import DescriberCrashed, Refused, Undecodable
from vault.ports.audio import Describer, SpanDecoder
from vault.ports.objects import ObjectStore
from vault.sealing.sealer import Sealer
from vault.services.ingest.describe_audio import CHUNK_BYTES, DescribeAudio, ReadBack
from vault.services.ingest.new_audio import (
    DecodedAudio,
    has_format_of,
    place_of_new,
    seal_decoded,
    with_audio,
)
from vault.services.ingest.seal_stream import seal_stream
from vault.services.lifecycle.audio_columns import StoredAudio
from vault.services.lifecycle.redact import NewAudio
from vault.services.shared.encrypted_fields import OpenedRecording
from vault.structured_log import Log
from vault.thread_pools import Threads

_LOG = Log(__name__)
_NOT_PROVED: Final = (
    "The result could not be proved, so nothing was changed. Erase the recording, or restrict it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSpans:
    """Seal a recording without some spans of its audio, and prove that all else is as before."""

    objects: ObjectStore
    decoder: SpanDecoder
    describer: Describer
    describe: DescribeAudio
    threads: Threads

    async def __call__(
        self,
        before: OpenedRecording,
        spans: Sequence[Span],
        made: list[SealedObject],
        *,
        found: bool,
    ) -> NewAudio:
        """Return the new audio, sealed and proved; the objects of it are added to ``made``.

        ``spans`` are as ``checked_spans`` returns them. ``found``: the detector of keyed digits has found them, and
        must not find them in the new audio. Raises Refused (``not_proved``, ``too_long``), Unavailable, Tampered,
        NotFound.
        """
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
        described = {**described, "damaged": recording.damaged}
        statement = {
            "method": METHOD if exact else METHOD_DECODED, **({"detector": DETECTOR} if found else {}),
            "spans": [span.encoded() for span in spans],
            "old_sha256": before.details().sha256.hex(), "new_sha256": after.details().sha256.hex(), **proof,
        }  # fmt: skip
        return NewAudio(
            before=before, after=after, stored=_stored(after), described=described, statement=statement,
            spans=spans, keyed_digits=result.keyed_digits,
        )  # fmt: skip

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

    def _source(self, opened: OpenedRecording) -> ReadBack:
        audio = opened.recording.audio
        assert audio is not None  # noqa: S101 - the caller has looked
        sha256 = opened.details().sha256
        opener = opened.opener(audio, "audio")
        return ReadBack(self.objects, opener, audio, sha256=sha256, threads=self.threads)


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
