"""One job as the parent sees it: answer the child's questions, doubt its answers.

The whole source is read when a description is returned, also the blocks that the decoder had no need of:
reading is what checks the tag of every frame, and the provider's copy is deleted on the strength of it.
"""

import math

from vault.audio import riff
from vault.audio.children import Child, Clock
from vault.audio.limits import Limits
from vault.audio.protocol import (
    BLOCK,
    JOB,
    READ,
    Kind,
    Wanted,
    read_description,
    read_reason,
    read_rendition,
)
from vault.audio.reasons import Reason
from vault.domain.notices.audio import RATE
from vault.domain.recordings.media import Description
from vault.errors import DescriberCrashed
from vault.ports.audio import AudioSource, RenditionSink

#: How often a child may ask for each block: two passes, and an index that lies far from the audio.
READS_PER_BLOCK = 8
#: Questions on top of that, for small files.
SPARE_READS = 64
#: A rendition may be longer or shorter than the description says by so many seconds.
RENDITION_TOLERANCE = 0.01


class _Dialogue:
    """One source on its way through one child: the part that every job has."""

    #: What the child is told to do.
    wanted: Wanted

    def __init__(self, child: Child, source: AudioSource, limits: Limits) -> None:
        """Say who talks to whom; nothing is sent before ``begin``."""
        self.child = child
        self.source = source
        self.limits = limits
        self.clock = Clock(limits.clock(source.size))
        self.blocks = math.ceil(source.size / BLOCK)
        self.reads = READS_PER_BLOCK * self.blocks + SPARE_READS
        self.seen: set[int] = set()

    async def begin(self) -> None:
        """Give the child its job."""
        size, limits = self.source.size, self.limits
        payload = JOB.pack(size, limits.processor(size), limits.max_duration, self.wanted)
        await self.child.send(self.clock, Kind.JOB, payload)

    async def answer(self, payload: bytes) -> None:
        """Answer a question with a block of the source."""
        if len(payload) != READ.size:
            raise DescriberCrashed("The describer asked for a block without a number.")
        (number,) = READ.unpack(payload)
        if number >= self.blocks:
            raise DescriberCrashed("The describer asked for bytes outside the source.")
        self.reads -= 1
        if self.reads < 0:
            raise DescriberCrashed("The describer asked for the source too often.")
        await self.child.send(self.clock, Kind.DATA, await self.block(number))

    async def block(self, number: int) -> bytes:
        """Read a block of the source and remember that it was read."""
        start = number * BLOCK
        data = await self.source.read(start, min(start + BLOCK, self.source.size))
        self.seen.add(number)
        return data


class Job(_Dialogue):
    """One recording on its way through one child."""

    wanted = Wanted.DESCRIPTION

    def __init__(self, child: Child, source: AudioSource, sink: RenditionSink, limits: Limits) -> None:
        """Say who talks to whom; nothing is sent before ``run``."""
        super().__init__(child, source, limits)
        self.sink = sink
        #: Sample rate, channels and samples of the rendition, once the child has named them.
        self.rendition: tuple[int, int, int] | None = None
        #: Bytes and frames of samples that may still come.
        self.missing = 0
        self.frames = 0
        #: Whether the child has said that the file holds audio.
        self.decoded = False

    async def run(self) -> Description | Reason:
        """Return what the child found. Raises DescriberCrashed, and what source and sink raise."""
        try:
            return await self._converse()
        except DescriberCrashed as error:
            error.decoded = self.decoded
            raise

    async def _converse(self) -> Description | Reason:
        """Take the child's frames one by one until it ends the job."""
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
                    raise DescriberCrashed("The describer spoke out of turn.")

    async def _begin_rendition(self, payload: bytes) -> None:
        """Write the header of the rendition."""
        if self.rendition is not None:
            raise DescriberCrashed("The describer began a second rendition.")
        sample_rate, channels, samples = read_rendition(payload, max_duration=self.limits.max_duration)
        self.rendition = (sample_rate, channels, samples)
        self.missing = samples * channels * 2
        self.frames = 2 * (self.missing // BLOCK) + SPARE_READS
        await self.sink.write(riff.header(sample_rate=sample_rate, channels=channels, samples=samples))

    async def _take_samples(self, payload: bytes) -> None:
        """Write samples of the rendition, as many as its header names and no more."""
        self.missing -= len(payload)
        self.frames -= 1
        if not payload or self.missing < 0 or self.frames < 0:
            raise DescriberCrashed("The describer sent more than the rendition holds.")
        await self.sink.write(payload)

    def _check_rendition(self, description: Description) -> None:
        """Refuse a description that does not fit the rendition that came before it."""
        if description.rendition != (self.rendition is not None) or self.missing:
            raise DescriberCrashed("The describer did not send the rendition that it describes.")
        if self.rendition is None:
            return
        sample_rate, channels, samples = self.rendition
        apart = abs(samples / sample_rate - description.duration)
        if channels != description.channels or apart > RENDITION_TOLERANCE:
            raise DescriberCrashed("The describer sent another rendition than it describes.")

    async def _read_the_rest(self) -> None:
        """Read the blocks that the decoder passed over, so that every tag has been checked."""
        for number in range(self.blocks):
            if number not in self.seen:
                await self.block(number)


class SpeechJob(_Dialogue):
    """The upload for a prompt on its way through one child; it is short enough to be kept in memory."""

    wanted = Wanted.SPEECH

    async def run(self) -> bytes | Reason:
        """Return PCM16 little-endian, one channel at RATE. Raises DescriberCrashed."""
        await self.begin()
        samples = bytearray()
        # What a resampler adds at the end is a fraction of a second.
        most = 2 * round(RATE * (self.limits.max_duration + 0.1))
        while True:
            kind, payload = await self.child.receive(self.clock)
            match kind:
                case Kind.READ:
                    await self.answer(payload)
                case Kind.SAMPLES:
                    samples += payload
                    if not payload or len(payload) % 2 or len(samples) > most:
                        raise DescriberCrashed("The describer sent more than a prompt holds.")
                case Kind.UNDECODABLE:
                    return read_reason(payload)
                case Kind.SPEECH:
                    return bytes(samples)
                case _:
                    raise DescriberCrashed("The describer spoke out of turn.")
