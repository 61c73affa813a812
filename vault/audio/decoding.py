"""Decodes a file-like object to a Description and to 16-bit PCM samples.

Pure functions over an object with ``read`` and ``seek``; the limits on time and memory are those of
the process (``child.py``). For any bytes the outcome is a Description or an Undecodable: FFmpeg's errors
become an Undecodable or are counted as damage; only a MemoryError is raised unchanged.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import av
import av.logging
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from vault.audio import containers, opening, riff
from vault.audio.keyed_sequences import KeyedSequences
from vault.audio.opening import FAULTS
from vault.audio.peaks import Peaks, Samples
from vault.audio.reasons import Reason
from vault.domain.recordings.card_data import FoundDigits
from vault.domain.recordings.media import (
    DAMAGE_TOLERANCE,
    MAX_DURATION,
    Description,
    loudness_points,
    plays_in_browsers,
)
from vault.domain.recordings.silence import Silence
from vault.errors import Undecodable

#: Samples per block of the resampler's output.
BLOCK_SAMPLES = 65536
# FFmpeg logs every broken byte, and the child has no log.
av.logging.set_level(None)


class Pass:
    """One decoding pass over the whole file."""

    def __init__(
        self,
        file: BinaryIO,
        *,
        max_duration: float = MAX_DURATION,
        on_first_samples: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the file. Raises Undecodable unless it is audio within the vault's limits."""
        self.file = file
        self.max_duration = max_duration
        self.on_first_samples = on_first_samples
        #: The content of a WAV header; None for other files.
        self.claims = riff.read_claims(file)
        containers.refuse_non_audio(file)
        file.seek(0)
        exact_wav = self.claims is not None and self.claims.tag in riff.EXACT_TAGS
        self.input = opening.open_audio(file, exact_wav=exact_wav)
        self.stream = opening.audio_stream(self.input)
        self.container = opening.container_name(self.input)
        self.codec = self.stream.codec_context.codec.canonical_name
        self.decoder = opening.decoder_for(self.stream.codec_context)
        #: Set with the first sample.
        self.channels = 0
        self.sample_rate = 0
        #: Samples per channel so far.
        self.samples = 0
        #: Samples of the largest decoded frame: codecs pad the last frame to this length.
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
                # The sample rate or the channels changed within the file.
                self.errors += 1
                continue
            for block in resampled:
                yield _interleaved(block)
        if self.samples:
            for block in resampler.resample(None):
                yield _interleaved(block)

    def _frames(self) -> Iterator[AudioFrame]:
        """Yield the decoded frames, counting samples and decoding errors."""
        for packet in self._packets():
            try:
                frames = self.decoder.decode(packet)
            except MemoryError:
                raise
            except FAULTS:
                # sox and Asterisk pad an odd number of GSM blocks with one byte, which is not an error.
                self.errors += packet.size > 1
                continue
            for frame in frames:
                if not frame.samples:
                    continue
                self._account(frame)
                yield frame

    def _packets(self) -> "Iterator[Packet[AudioStream]]":
        """Yield the packets up to the end or the first container error."""
        unknown_size = self.claims is not None and self.claims.data_size is None
        try:
            for packet in self.input.demux(self.stream):
                # A packet truncated by the end of the file. Without a known size that is not an error.
                if packet.is_corrupt and packet.size and not unknown_size:
                    self.errors += 1
                yield packet
        except MemoryError:
            raise
        except FAULTS:
            self.errors += 1

    def _account(self, frame: AudioFrame) -> None:
        """Check a decoded frame against the limits, because headers may be false."""
        if not self.samples:
            self.channels, self.sample_rate = frame.layout.nb_channels, frame.sample_rate
            opening.check_shape(self.channels, self.sample_rate)
            self.on_first_samples()
        self.samples += frame.samples
        self.frame_samples = max(self.frame_samples, frame.samples)
        if self.samples > self.max_duration * self.sample_rate:
            raise Undecodable(Reason.TOO_LONG)

    def claimed_duration(self) -> float | None:
        """Return the duration in the header, in seconds; None if there is only an estimate."""
        if self.claims is not None:
            return self.claims.duration
        if self.container in ("amr", "gsm"):
            return None
        if self.container == "mp3" and not containers.has_xing(self.file):
            return None
        estimated = self.estimated_duration()
        if self.container == "ogg" and estimated is not None:
            # Each stream of a chained Ogg file starts at zero (RFC 3533, section 4); FFmpeg uses the last.
            chained = self.samples / self.sample_rate - estimated > self.padding
            return None if chained else estimated
        return estimated

    @property
    def padding(self) -> float:
        """Return the seconds of padding that a codec may add to fill its frames."""
        return 2 * self.frame_samples / self.sample_rate

    def estimated_duration(self) -> float | None:
        """Return the duration in seconds that a player estimates from the file's metadata."""
        own = opening.seconds(self.stream.duration, self.stream.time_base)
        return own or (self.input.duration / av.time_base if self.input.duration else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """The format and length of a WAV file for browsers, fixed before its first byte is written."""

    sample_rate: int
    channels: int
    #: Per channel.
    samples: int


def describe(
    file: BinaryIO,
    *,
    max_duration: float = MAX_DURATION,
    on_first_samples: Callable[[], None] = lambda: None,
    find_digits: bool = False,
) -> Description:
    """Decode the whole file once and describe it; ``on_first_samples`` is called at the first decoded samples.

    ``find_digits``: look for keyed digits too. ``Description.rendition`` is true if browsers need a rendition. Raises
    Undecodable.
    """
    decoding = Pass(file, max_duration=max_duration, on_first_samples=on_first_samples)
    with decoding.input:
        peaks: Peaks | None = None
        sequences: KeyedSequences | None = None
        for block in decoding.blocks():
            peaks = peaks or Peaks(decoding.channels)
            peaks.add(block)
            if find_digits:
                sequences = sequences or KeyedSequences(decoding.sample_rate, decoding.channels)
                sequences.add(block)
        if peaks is None:
            raise Undecodable(Reason.BROKEN if decoding.errors else Reason.NO_SAMPLES)
        claimed, estimated = decoding.claimed_duration(), decoding.estimated_duration()
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
        loudness=peaks.loudness(loudness_points(duration)),
        rendition=_needs_rendition(decoding, duration, estimated),
        silences=_heard(peaks.silences(decoding.sample_rate), duration),
        keyed_digits=() if sequences is None else _within(sequences.end(), duration),
    )


def plan_rendition(description: Description) -> Rendition:
    """Choose the sample rate: the source's own, halved until the samples fit into a WAV file."""
    rate = description.sample_rate
    while round(description.duration * rate) * 2 * description.channels > riff.MAX_DATA:
        rate //= 2
    samples = max(1, round(description.duration * rate))
    return Rendition(sample_rate=rate, channels=description.channels, samples=samples)


def render(file: BinaryIO, rendition: Rendition) -> Iterator[bytes]:
    """Decode again and yield exactly the PCM16 bytes that the rendition's header announces.

    Samples beyond that are a codec's padding and are dropped; missing samples are filled with silence.
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
    """Return the decoded seconds, without the codec's padding."""
    decoded = decoding.samples / decoding.sample_rate
    padded = not decoding.codec.startswith("pcm_") and claimed is not None
    if claimed and padded and 0 < decoded - claimed <= decoding.padding:
        return claimed
    return decoded


def _within(found: Sequence[FoundDigits], duration: float) -> tuple[FoundDigits, ...]:
    """Return found digits that begin before the end of the recording; a codec's padding is no part of it."""
    longest = math.ceil(duration * 1000)
    return tuple(replace(one, end_ms=min(one.end_ms, longest)) for one in found if one.begin_ms < longest)


def _heard(found: Sequence[Silence], duration: float) -> tuple[Silence, ...]:
    """Return silences that begin before the end of the recording, as ``_within`` does."""
    longest = math.ceil(duration * 1000)
    return tuple(replace(one, end_ms=min(one.end_ms, longest)) for one in found if one.begin_ms < longest)


def _needs_rendition(decoding: Pass, duration: float, estimated: float | None) -> bool:
    """Tell whether browsers need a rendition instead of the original file."""
    if not plays_in_browsers(decoding.container, decoding.codec):
        return True
    if decoding.claims is not None:
        return decoding.claims.repairable
    # Chromium stops permanently after a seek beyond the true end of an MP3, and cannot reach the
    # last minutes of one that is longer than its estimate.
    wrong = estimated is not None and abs(estimated - duration) > DAMAGE_TOLERANCE * duration
    return decoding.container == "mp3" and wrong
