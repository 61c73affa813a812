"""A describer for plain PCM16 and PCM8 WAV files, in this process, by the standard library alone.

It polices the port's rules: every range lies within the source, the whole source is read, and the
rendition is never written to, since browsers play all that it knows.
"""

import io
import math
import wave
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from vault.audio import decoding
from vault.audio import spans as real
from vault.domain.recordings.media import BUCKETS, MAX_DURATION, Description, loudness_points
from vault.domain.recordings.redaction import FrameSpan, SampleLayout, SpanMeasures
from vault.errors import DescriberCrashed, Undecodable
from vault.ports.audio import AudioSource, RenditionSink

BLOCK = 256 << 10


@dataclass
class FakeDescriber:
    """The Describer port. ``crashes`` is how many of the next jobs end in DescriberCrashed.

    The first of them crash after samples were decoded, as many as ``decoded_crashes`` says.
    """

    crashes: int = 0
    decoded_crashes: int = 0
    #: Crash after the source was read, and not before.
    crash_late: bool = False
    #: How many of the next jobs end in Undecodable.
    undecodable: int = 0
    max_duration: float = MAX_DURATION
    #: Whether the channels of what is rendered have an echo of each other.
    has_echo: bool = False
    #: Whether to find silences, by the real function.
    find_silences: bool = False
    #: What was found, job by job.
    described: list[Description] = field(default_factory=list)

    async def describe(
        self,
        source: AudioSource,
        rendition: RenditionSink,
        *,
        account_id: str,
        always: bool = False,
        find_digits: bool = False,
    ) -> Description:
        """Read the whole source and return what it is; ``always``: it is its own rendition."""
        del account_id
        if self.undecodable:
            self.undecodable -= 1
            raise Undecodable("broken")
        crash = self.crashes > 0
        self.crashes -= crash
        crashed = DescriberCrashed("The describer ended with status -9.", decoded=self.decoded_crashes > 0)
        self.decoded_crashes -= crash and crashed.decoded
        if crash and not self.crash_late:
            raise crashed
        data = bytearray()
        for start in range(0, source.size, BLOCK):
            end = min(start + BLOCK, source.size)
            block = await source.read(start, end)
            assert len(block) == end - start, "A source gives exactly the range it was asked for."
            data += block
        if crash:
            raise crashed
        description = describe_wave(bytes(data), max_duration=self.max_duration)
        if find_digits:
            real_one = decoding.describe(io.BytesIO(bytes(data)), find_digits=True)
            description = replace(description, keyed_digits=real_one.keyed_digits)
        if self.find_silences:
            real_one = decoding.describe(io.BytesIO(bytes(data)))
            description = replace(description, silences=real_one.silences)
        if always:
            await rendition.write(bytes(data[:44]))
            await rendition.write(bytes(data[44:]))
            if description.channels == 2:
                description = replace(description, echo=(self.has_echo, self.has_echo))
        self.described.append(description)
        return description

    async def layout(self, source: AudioSource, *, account_id: str) -> SampleLayout:
        """Return where the samples lie."""
        del account_id
        return real.layout(io.BytesIO(await source.read(0, source.size)))

    async def measure(
        self, source: AudioSource, spans: Sequence[FrameSpan], *, account_id: str
    ) -> SpanMeasures:
        """Measure by the real function: the standard library does not decode G.711."""
        del account_id
        data = await source.read(0, source.size)
        return real.measure(io.BytesIO(data), spans, max_duration=self.max_duration)


@lru_cache(maxsize=32)  # Most tests store the same few sounds.
def describe_wave(data: bytes, *, max_duration: float = MAX_DURATION) -> Description:
    """Describe a PCM WAV file of 8 or 16 bits. Raises Undecodable for anything else."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width, rate, claimed = file.getparams()[:4]
            frames = file.readframes(claimed)
    except (wave.Error, EOFError) as error:
        raise Undecodable("The bytes are not in an audio format that the vault reads.") from error
    if channels not in (1, 2) or not 8000 <= rate <= 48000 or width not in (1, 2):
        raise Undecodable("The audio is not one that the vault takes.")
    count = len(frames) // (width * channels)
    if not count:
        raise Undecodable("The file contains no audio samples.")
    if count > max_duration * rate:
        raise Undecodable("The audio is longer than the vault's maximum duration.")
    samples = array("h", frames) if width == 2 else array("h", ((byte - 128) * 256 for byte in frames))
    return Description(
        container="wav",
        codec="pcm_s16le" if width == 2 else "pcm_u8",
        channels=channels,
        sample_rate=rate,
        duration=count / rate,
        claimed_duration=claimed / rate,
        errors=int(count < claimed),
        peaks=tuple(peaks(samples[channel::channels]) for channel in range(channels)),
        loudness=tuple(loudness(samples[channel::channels], count / rate) for channel in range(channels)),
        rendition=False,
    )


def loudness(samples: array, seconds: float) -> bytes:
    """Return the root mean squares of one channel."""
    points, levels = loudness_points(seconds), bytearray()
    for point in range(points):
        start = point * len(samples) // points
        part = samples[start : max(start + 1, (point + 1) * len(samples) // points)]
        levels.append(min(255, round(math.sqrt(sum(value**2 for value in part) / len(part)) / 128.5)))
    return bytes(levels)


def peaks(samples: array) -> bytes:
    """Return BUCKETS pairs (lowest, highest) of one channel."""
    points = array("b")
    for bucket in range(BUCKETS):
        start = bucket * len(samples) // BUCKETS
        part = samples[start : max(start + 1, (bucket + 1) * len(samples) // BUCKETS)]
        points.extend(min(127, value + 128 >> 8) for value in (min(part), max(part)))
    return points.tobytes()
