"""Remove spans of audio from samples of a fixed size: which bytes they are, and the same bytes as silence.

Only PCM and G.711 in a WAV file have such samples; of another format, the decoded audio has. All bytes outside the
spans stay as they are: header, tags and the other samples. Silence is the byte that the codec has for it: PCM and µ-law
then decode to 0, A-law, which has no 0, to 8 of 32,768.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from vault.errors import Invalid
from vault.sentence import Sentence

MAX_SPANS: Final = 100
#: Of one recording: each seals its evidence and notes anew, and adds to the evidence.
MAX_REDACTIONS: Final = 50
#: The container and the codecs of which spans can be removed.
CONTAINER: Final = "wav"
_A_LAW, _MU_LAW, _UNSIGNED = "pcm_alaw", "pcm_mulaw", "pcm_u8"
_SILENCE: Final = {_A_LAW: 0xD5, _MU_LAW: 0xFF, _UNSIGNED: 0x80}
#: How a WAV file calls a codec; PCM is 1.
_TAGS: Final = {_A_LAW: 6, _MU_LAW: 7, "pcm_f32le": 3, "pcm_f64le": 3}
#: The largest absolute value of a decoded sample of silence, of 32,768.
_LOUDEST: Final = {_A_LAW: 8}
#: What was done, for the evidence; the second one to formats without samples of a fixed size.
METHOD: Final = "samples-to-silence/1"
METHOD_DECODED: Final = "decoded-samples-to-silence/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a recording, in milliseconds from its beginning; ``channels`` from 0, empty for all."""

    begin_ms: int
    end_ms: int
    channels: tuple[int, ...] = ()

    def encoded(self) -> dict[str, Any]:
        """Return it as a JSON object of the evidence."""
        return {"begin_ms": self.begin_ms, "end_ms": self.end_ms, "channels": list(self.channels)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLayout:
    """Where the samples of a file lie: frames of one sample for each channel, without gaps."""

    #: The first byte of the samples, and the one after the last whole frame.
    first: int
    end: int
    #: Bytes of one sample of one channel.
    width: int
    channels: int
    sample_rate: int

    @property
    def frame(self) -> int:
        """Return the bytes of a frame."""
        return self.width * self.channels

    @property
    def frames(self) -> int:
        """Return the number of frames."""
        return (self.end - self.first) // self.frame


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSpan:
    """Frames [begin, end) of some channels, in which every channel is named."""

    begin: int
    end: int
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanMeasures:
    """What a decoder found inside and outside the spans of a recording."""

    #: Decoded samples of all channels in all spans together.
    samples: int
    #: Their largest absolute value, of 32,768.
    loudest: int
    #: SHA-256 of all decoded samples, PCM16 little-endian and interleaved, with 0 for those in the spans.
    rest: bytes


def can_remove(container: str | None, codec: str | None) -> bool:
    """Return whether spans of this format can be removed: of any that the vault could decode."""
    return container is not None and codec is not None


def has_samples(container: str | None, codec: str | None) -> bool:
    """Return whether a file consists of samples of a fixed size, so that all else stays equal bit by bit."""
    return container == CONTAINER and (codec or "").startswith("pcm_")


def silence_of(codec: str) -> int:
    """Return the byte of which a silent sample of a codec consists."""
    return _SILENCE.get(codec, 0)


def format_tag(codec: str) -> int:
    """Return the number of a codec with samples of a fixed size in the header of a WAV file."""
    return _TAGS.get(codec, 1)


def loudest_silence(codec: str) -> int:
    """Return the largest absolute value to which silence of a codec decodes, of 32,768."""
    return _LOUDEST.get(codec, 0)


def checked_spans(spans: Sequence[Span], *, duration: float, channels: int) -> tuple[Span, ...]:
    """Return the spans in order, without those that begin within another one of the same channels, which grows.

    Raises Invalid for a span outside the recording, an unknown channel, none or more than MAX_SPANS.
    """
    if not 1 <= len(spans) <= MAX_SPANS:
        raise Invalid(f"ranges must have 1 to {MAX_SPANS} entries.", field="ranges")
    longest = math.ceil(duration * 1000)
    for span in spans:
        if not 0 <= span.begin_ms < span.end_ms <= longest:
            text = Sentence(
                "A range begins before it ends, and ends with the recording at the latest, at %(end)s seconds.",
                end=f"{longest / 1000:.3f}",
            )
            raise Invalid(text, field="ranges")
        if any(not 0 <= channel < channels for channel in span.channels):
            raise Invalid(f"channels must be from 0 to {channels - 1}.", field="ranges")
    joined: list[Span] = []
    for span in sorted(spans, key=lambda one: (_named(one, channels), one.begin_ms)):
        named = replace(span, channels=_named(span, channels))
        last = joined[-1] if joined else None
        if last is not None and last.channels == named.channels and named.begin_ms <= last.end_ms:
            joined[-1] = replace(last, end_ms=max(last.end_ms, named.end_ms))
        else:
            joined.append(named)
    return tuple(sorted(joined, key=lambda one: (one.begin_ms, one.channels)))


def _named(span: Span, channels: int) -> tuple[int, ...]:
    return tuple(sorted(set(span.channels))) or tuple(range(channels))


def frames_of(spans: Sequence[Span], *, sample_rate: int, frames: int) -> tuple[FrameSpan, ...]:
    """Return the frames of spans that have all channels named: every frame that a span touches."""
    return tuple(
        FrameSpan(
            begin=min(span.begin_ms * sample_rate // 1000, frames),
            end=min(-(-span.end_ms * sample_rate // 1000), frames),
            channels=span.channels,
        )
        for span in spans
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What becomes of the bytes of one file. Each block costs as much as it has bytes, and each span a comparison."""

    layout: SampleLayout
    spans: tuple[FrameSpan, ...]
    #: The byte of silence.
    silence: int

    def apply(self, start: int, block: bytes) -> bytes:
        """Return the block that begins at byte ``start`` of the file, with silence in the spans."""
        changed = bytearray(block)
        for part in self._parts(start, len(block)):
            changed[part] = bytes([self.silence]) * len(range(*part.indices(len(changed))))
        return bytes(changed)

    def _parts(self, start: int, length: int) -> Iterator[slice]:
        """Yield slices of a block's bytes that are inside: a whole part of it, or one byte of each frame."""
        layout = self.layout
        for span in self.spans:
            first, end = (layout.first + number * layout.frame for number in (span.begin, span.end))
            if end <= start or first >= start + length:
                continue
            stop = min(end - start, length)
            if len(span.channels) == layout.channels:
                yield slice(max(first - start, 0), stop)
                continue
            for channel in span.channels:
                for byte in range(channel * layout.width, (channel + 1) * layout.width):
                    offset = first + byte - start
                    yield slice(offset if offset >= 0 else offset % layout.frame, stop, layout.frame)
