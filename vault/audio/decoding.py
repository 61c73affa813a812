"""Decoding a file-like object: what it is as audio, and its samples as 16-bit PCM.

Pure functions over something that can ``read`` and ``seek``; the limits on time and memory are those of
the process they run in (``child.py``). Whatever the bytes are, the outcome is a Description or an
Undecodable: FFmpeg's own errors become one or are counted as damage, and a MemoryError alone gets through.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import av
import av.logging
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from vault.audio import containers, opening, riff
from vault.audio.opening import FAULTS
from vault.audio.peaks import Peaks, Samples
from vault.audio.reasons import Reason
from vault.domain.recordings.media import DAMAGE_TOLERANCE, MAX_DURATION, Description, plays_in_browsers
from vault.errors import Undecodable

#: Samples per block that the resampler gives out.
BLOCK_SAMPLES = 65536
# FFmpeg describes broken bytes at length; a child has nobody to tell.
av.logging.set_level(None)


class Pass:
    """One decoding of the whole file from its beginning."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        max_duration: float = MAX_DURATION,
        on_first_samples: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the file. Raises Undecodable where it is not audio within the vault's limits."""
        self.file = file
        self.max_duration = max_duration
        self.on_first_samples = on_first_samples
        #: What a WAV header says; None for other files.
        self.claims = riff.read_claims(file)
        containers.refuse_non_audio(file)
        file.seek(0)
        self.input = opening.open_audio(file)
        self.stream = opening.audio_stream(self.input)
        self.container = opening.container_name(self.input)
        self.codec = self.stream.codec_context.codec.canonical_name
        self.decoder = opening.decoder_for(self.stream.codec_context)
        #: Known with the first sample.
        self.channels = 0
        self.sample_rate = 0
        #: Samples per channel so far.
        self.samples = 0
        #: Samples of the largest decoded frame: codecs fill up their last one.
        self.frame_samples = 0
        self.errors = 0

    def blocks(self, *, rate: int | None = None) -> Iterator[Samples]:
        """Yield PCM16 blocks of shape (samples, channels), at the source's rate or at ``rate``."""
        resampler = AudioResampler(format="s16", rate=rate, frame_size=BLOCK_SAMPLES)
        for frame in self._frames():
            try:
                resampled = resampler.resample(frame)
            except MemoryError:
                raise
            except FAULTS:
                # The signal changed its rate or channels midway.
                self.errors += 1
                continue
            for block in resampled:
                yield _interleaved(block)
        if self.samples:
            for block in resampler.resample(None):
                yield _interleaved(block)

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield the decoded frames, counting samples and what could not be decoded."""
        for packet in self._packets():
            try:
                frames = self.decoder.decode(packet)
            except MemoryError:
                raise
            except FAULTS:
                # sox and Asterisk pad an odd number of GSM blocks by a byte and count it as data.
                self.errors += packet.size > 1
                continue
            for frame in frames:
                if not frame.samples:
                    continue
                self._account(frame)
                yield frame

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        """Yield the packets up to the end or to where the container falls apart."""
        unknown_size = self.claims is not None and self.claims.data_size is None
        try:
            for packet in self.input.demux(self.stream):
                # A packet that the end of the file cut short. Without a size there is no telling.
                if packet.is_corrupt and packet.size and not unknown_size:
                    self.errors += 1
                yield packet
        except MemoryError:
            raise
        except FAULTS:
            self.errors += 1

    def _account(self, frame: AudioFrame) -> None:
        """Check a frame against the limits: what headers say proves nothing."""
        if not self.samples:
            self.channels, self.sample_rate = frame.layout.nb_channels, frame.sample_rate
            opening.check_shape(self.channels, self.sample_rate)
            self.on_first_samples()
        self.samples += frame.samples
        self.frame_samples = max(self.frame_samples, frame.samples)
        if self.samples > self.max_duration * self.sample_rate:
            raise Undecodable(Reason.TOO_LONG)

    def claimed_duration(self) -> float | None:
        """Return the seconds that the header claims; None where there is only an estimate."""
        if self.claims is not None:
            return self.claims.duration
        if self.container in ("amr", "gsm"):
            return None
        if self.container == "mp3" and not containers.has_xing(self.file):
            return None
        estimated = self.estimated_duration()
        if self.container == "ogg" and estimated is not None:
            # Each stream of a chained Ogg file counts from zero (RFC 3533, section 4); FFmpeg reads the last.
            chained = self.samples / self.sample_rate - estimated > self.padding
            return None if chained else estimated
        return estimated

    @property
    def padding(self) -> float:
        """Return the seconds that a codec may add to fill up its frames."""
        return 2 * self.frame_samples / self.sample_rate

    def estimated_duration(self) -> float | None:
        """Return the seconds that a player expects before it has played everything."""
        own = opening.seconds(self.stream.duration, self.stream.time_base)
        return own or (self.input.duration / av.time_base if self.input.duration else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """The size of a WAV file that browsers play, fixed before its first byte."""

    sample_rate: int
    channels: int
    #: Per channel.
    samples: int


def describe(
    file: BinaryIO,
    *,
    max_duration: float = MAX_DURATION,
    on_first_samples: Callable[[], None] = lambda: None,
) -> Description:
    """Decode the whole file once and return what it is; call ``on_first_samples`` when there are some.

    ``Description.rendition`` says that one is needed. Raises Undecodable.
    """
    decoding = Pass(file, max_duration=max_duration, on_first_samples=on_first_samples)
    with decoding.input:
        peaks: Peaks | None = None
        for block in decoding.blocks():
            peaks = peaks or Peaks(decoding.channels)
            peaks.add(block)
        if peaks is None:
            raise Undecodable(Reason.BROKEN if decoding.errors else Reason.NO_SAMPLES)
        claimed = decoding.claimed_duration()
        estimated = decoding.estimated_duration()
    duration = _without_padding(decoding, claimed)
    return Description(
        container=decoding.container,
        codec=decoding.codec,
        channels=decoding.channels,
        sample_rate=decoding.sample_rate,
        duration=duration,
        claimed_duration=claimed,
        errors=decoding.errors + containers.cut_short(file, decoding.container),
        peaks=peaks.result(),
        rendition=_needs_rendition(decoding, duration, estimated),
    )


def plan_rendition(description: Description) -> Rendition:
    """Choose the rate: the source's own, halved until 12 hours of it fit into a WAV file."""
    rate = description.sample_rate
    while round(description.duration * rate) * 2 * description.channels > riff.MAX_DATA:
        rate //= 2
    samples = max(1, round(description.duration * rate))
    return Rendition(sample_rate=rate, channels=description.channels, samples=samples)


def render(file: BinaryIO, rendition: Rendition) -> Iterator[bytes]:
    """Decode once more and yield exactly the PCM16 bytes that the rendition's header will name.

    What the decoder gives beyond that is a codec's padding; what it lacks is silence.
    """
    missing = rendition.samples
    decoding = Pass(file, max_duration=float("inf"))
    with decoding.input:
        for block in decoding.blocks(rate=rendition.sample_rate):
            part = block[:missing]
            if len(part):
                yield part.tobytes()
            missing -= len(part)
    while missing:
        part = np.zeros((min(missing, BLOCK_SAMPLES), rendition.channels), np.int16)
        yield part.tobytes()
        missing -= len(part)


def _interleaved(frame: AudioFrame) -> Samples:
    """Return the samples of a packed s16 frame: shape (samples, channels)."""
    packed = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return packed.astype(np.int16, copy=False)


def _without_padding(decoding: Pass, claimed: float | None) -> float:
    """Return the decoded seconds, without what a codec only added to fill up its frames."""
    decoded = decoding.samples / decoding.sample_rate
    padded = not decoding.codec.startswith("pcm_") and claimed is not None
    if claimed and padded and 0 < decoded - claimed <= decoding.padding:
        return claimed
    return decoded


def _needs_rendition(decoding: Pass, duration: float, estimated: float | None) -> bool:
    """Say whether browsers need another file than the original."""
    if not plays_in_browsers(decoding.container, decoding.codec):
        return True
    if decoding.claims is not None:
        return decoding.claims.repairable
    # Chromium stops for good where it seeks beyond the true end of an MP3, and cannot reach the
    # last minutes of one that is longer than it guessed.
    wrong = estimated is not None and abs(estimated - duration) > DAMAGE_TOLERANCE * duration
    return decoding.container == "mp3" and wrong
