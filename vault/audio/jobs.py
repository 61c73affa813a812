"""The parent's side of one job: it sends the blocks that the child requests, and validates the child's results.

The whole source is read before a description is returned, including blocks that the decoder did not need:
reading verifies the tag of every frame, and the provider's copy is deleted because of that verification.
"""

import math
from collections.abc import Sequence

from vault.audio.children import Child, Clock
from vault.audio.description import read_description
from vault.audio.limits import Limits
from vault.audio.protocol import (
    BLOCK,
    JOB,
    READ,
    JobKind,
    Kind,
    read_layout,
    read_measures,
    read_reason,
    read_rendition,
    spans_payload,
)
from vault.audio.reasons import Reason
from vault.domain.notices.audio import RATE
from vault.domain.recordings.media import Description, wav_header
from vault.domain.recordings.redaction import FrameSpan, SampleLayout, SpanMeasures
from vault.errors import DescriberCrashed
from vault.ports.audio import AudioSource, RenditionSink

#: Maximum average reads per block: enough for two passes and for an index far from the audio.
READS_PER_BLOCK = 8
#: Additional reads, for small files.
SPARE_READS = 64
#: Maximum difference between a rendition's duration and the description's, in seconds.
RENDITION_TOLERANCE = 0.01


class _Dialogue:
    """The conversation with a child about one source: the part shared by all jobs."""

    #: The kind of result that the child must send.
    wanted: JobKind
    #: Whether to look for keyed digits too.
    find_digits = False

    def __init__(self, child: Child, source: AudioSource, limits: Limits) -> None:
        """Take the child and the source; nothing is sent before ``begin``."""
        self.child = child
        self.source = source
        self.limits = limits
        self.clock = Clock(limits.clock(source.size))
        self.blocks = math.ceil(source.size / BLOCK)
        self.reads = READS_PER_BLOCK * self.blocks + SPARE_READS
        self.seen: set[int] = set()

    async def begin(self) -> None:
        """Send the job to the child."""
        size, limits = self.source.size, self.limits
        payload = JOB.pack(size, limits.processor(size), limits.max_duration, self.wanted, self.find_digits)
        await self.child.send(self.clock, Kind.JOB, payload)

    async def answer(self, payload: bytes) -> None:
        """Send the requested block of the source. Raises DescriberCrashed for an invalid request."""
        if len(payload) != READ.size:
            raise DescriberCrashed("The describer requested a block without a number.")
        (number,) = READ.unpack(payload)
        if number >= self.blocks:
            raise DescriberCrashed("The describer requested bytes outside the source.")
        self.reads -= 1
        if self.reads < 0:
            raise DescriberCrashed("The describer requested too many blocks.")
        await self.child.send(self.clock, Kind.DATA, await self.block(number))

    async def block(self, number: int) -> bytes:
        """Read a block of the source and mark it as read."""
        start = number * BLOCK
        data = await self.source.read(start, min(start + BLOCK, self.source.size))
        self.seen.add(number)
        return data


class Job(_Dialogue):
    """The description of one recording by one child."""

    wanted = JobKind.DESCRIPTION

    def __init__(
        self,
        child: Child,
        source: AudioSource,
        sink: RenditionSink,
        limits: Limits,
        *,
        always: bool = False,
        find_digits: bool = False,
    ) -> None:
        """Take the child, the source and the sink; nothing is sent before ``run``. ``always``: render in any case."""
        super().__init__(child, source, limits)
        self.find_digits = find_digits
        if always:
            self.wanted = JobKind.RENDITION
        self.sink = sink
        #: Sample rate, channels and samples of the rendition, after the child has sent them.
        self.rendition: tuple[int, int, int] | None = None
        #: Bytes and frames of samples that the child may still send.
        self.missing = 0
        self.frames = 0
        #: Whether the child has reported decoded samples.
        self.decoded = False

    async def run(self) -> Description | Reason:
        """Return the child's result. Raises DescriberCrashed, and the errors of source and sink."""
        try:
            return await self._converse()
        except DescriberCrashed as error:
            error.decoded = self.decoded
            raise

    async def _converse(self) -> Description | Reason:
        """Process the child's frames until it ends the job."""
        await self.begin()
        while True:
            kind, payload = await self.child.receive(self.clock)
            match kind:
                case Kind.READ:
                    await self.answer(payload)
                case Kind.DECODED if not self.decoded:
                    self.decoded = True
                case Kind.RENDITION:
                    await self._begin_rendition(payload)
                case Kind.SAMPLES:
                    await self._take_samples(payload)
                case Kind.UNDECODABLE:
                    return read_reason(payload)
                case Kind.DESCRIPTION:
                    description = read_description(payload, max_duration=self.limits.max_duration)
                    self._check_rendition(description)
                    await self._read_the_rest()
                    return description
                case _:
                    raise DescriberCrashed("The describer sent an unexpected frame.")

    async def _begin_rendition(self, payload: bytes) -> None:
        """Write the header of the rendition."""
        if self.rendition is not None:
            raise DescriberCrashed("The describer started a second rendition.")
        sample_rate, channels, samples = read_rendition(payload, max_duration=self.limits.max_duration)
        self.rendition = (sample_rate, channels, samples)
        self.missing = samples * channels * 2
        self.frames = 2 * (self.missing // BLOCK) + SPARE_READS
        await self.sink.write(wav_header(sample_rate=sample_rate, channels=channels, samples=samples))

    async def _take_samples(self, payload: bytes) -> None:
        """Write samples of the rendition, up to the number in its header."""
        self.missing -= len(payload)
        self.frames -= 1
        if not payload or self.missing < 0 or self.frames < 0:
            raise DescriberCrashed("The describer sent more samples than the rendition has.")
        await self.sink.write(payload)

    def _check_rendition(self, description: Description) -> None:
        """Refuse a description that contradicts the rendition before it."""
        if description.rendition != (self.rendition is not None) or self.missing:
            raise DescriberCrashed("The describer's rendition is incomplete or contradicts its description.")
        if self.rendition is None:
            return
        sample_rate, channels, samples = self.rendition
        apart = abs(samples / sample_rate - description.duration)
        if channels != description.channels or apart > RENDITION_TOLERANCE:
            raise DescriberCrashed("The describer's rendition differs from its description.")

    async def _read_the_rest(self) -> None:
        """Read the blocks that the decoder did not request, so that every tag is verified."""
        for number in range(self.blocks):
            if number not in self.seen:
                await self.block(number)


class LayoutJob(_Dialogue):
    """Where the samples of one recording lie; only its header is read."""

    wanted = JobKind.LAYOUT

    async def run(self) -> SampleLayout | Reason:
        """Return the child's result. Raises DescriberCrashed, and the errors of the source."""
        await self.begin()
        while True:
            kind, payload = await self.child.receive(self.clock)
            match kind:
                case Kind.READ:
                    await self.answer(payload)
                case Kind.UNDECODABLE:
                    return read_reason(payload)
                case Kind.LAYOUT:
                    return read_layout(payload, size=self.source.size)
                case _:
                    raise DescriberCrashed("The describer sent an unexpected frame.")


class MeasureJob(_Dialogue):
    """How loud spans of one recording are, once it is decoded."""

    wanted = JobKind.MEASURES

    def __init__(self, child: Child, source: AudioSource, spans: Sequence[FrameSpan], limits: Limits) -> None:
        """Take the child, the source and the spans; nothing is sent before ``run``."""
        super().__init__(child, source, limits)
        self.spans = spans

    async def run(self) -> SpanMeasures | Reason:
        """Return the child's result. Raises DescriberCrashed, and the errors of the source."""
        await self.begin()
        await self.child.send(self.clock, Kind.SPANS, spans_payload(self.spans))
        while True:
            kind, payload = await self.child.receive(self.clock)
            match kind:
                case Kind.READ:
                    await self.answer(payload)
                case Kind.UNDECODABLE:
                    return read_reason(payload)
                case Kind.MEASURES:
                    return read_measures(payload)
                case _:
                    raise DescriberCrashed("The describer sent an unexpected frame.")


class SpeechJob(_Dialogue):
    """The decoding of a prompt's upload by one child; it is short enough to be kept in memory."""

    wanted = JobKind.SPEECH

    async def run(self) -> bytes | Reason:
        """Return PCM16 little-endian, one channel at RATE. Raises DescriberCrashed."""
        await self.begin()
        samples = bytearray()
        # The resampler may add a fraction of a second at the end.
        most = 2 * round(RATE * (self.limits.max_duration + 0.1))
        while True:
            kind, payload = await self.child.receive(self.clock)
            match kind:
                case Kind.READ:
                    await self.answer(payload)
                case Kind.SAMPLES:
                    samples += payload
                    if not payload or len(payload) % 2 or len(samples) > most:
                        raise DescriberCrashed("The describer sent more samples than a prompt has.")
                case Kind.UNDECODABLE:
                    return read_reason(payload)
                case Kind.SPEECH:
                    return bytes(samples)
                case _:
                    raise DescriberCrashed("The describer sent an unexpected frame.")
