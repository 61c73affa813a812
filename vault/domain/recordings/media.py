"""The audio format of a recording, its waveform, whether browsers play it, and the header of WAV files."""

import math
import struct
from dataclasses import dataclass
from typing import Final

from vault.domain.recordings.card_data import FoundDigits
from vault.domain.recordings.silence import Silence

#: Maximum size of a recording's audio: of an upload, and of media at a provider.
MAX_AUDIO_BYTES = 2 * 1024**3
#: Points of the waveform per channel; each point is a minimum and a maximum.
BUCKETS = 1000
#: Points of the loudness per second, and their maximum per channel: 0.25 seconds each up to half an hour, 0.9 in two.
LOUDNESS_PER_SECOND, MAX_LOUDNESS = 4, 8000
#: Seconds.
MAX_DURATION = 12 * 3600
#: Claimed and decoded duration may differ by this fraction before the recording counts as damaged.
DAMAGE_TOLERANCE = 0.02

#: FFmpeg names of the codecs that Chromium, Firefox and WebKitGTK play, by container. Measured with real files:
#: ``canPlayType`` denies G.711, which is played nevertheless. WebKitGTK is inexact with Ogg; a rendition of Opus
#: would need 691 MB per hour instead of 14.
PLAYABLE = {
    "wav": {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"},
    "mp3": {"mp3", "mp3float"},
    "ogg": {"opus", "vorbis"},
    "matroska": {"opus", "vorbis"},
    "flac": {"flac"},
    "mov": {"aac"},
}
#: Content-Type by container.
CONTENT_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "matroska": "audio/webm",
    "flac": "audio/flac",
    "mov": "audio/mp4",
}
#: File extensions in URLs, by container: Safari also checks them.
EXTENSIONS = {"wav": "wav", "mp3": "mp3", "ogg": "ogg", "matroska": "webm", "flac": "flac", "mov": "m4a"}
#: The layout is that of Multimedia Programming Interface and Data Specifications 1.0.
HEADER_BYTES: Final = 44
#: Bytes of one PCM16 sample of one channel.
SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The result of one full decoding pass. Durations are in seconds."""

    #: FFmpeg's name of the container: wav, mp3, ogg, matroska, flac, mov, amr, gsm.
    container: str
    #: FFmpeg's name of the codec.
    codec: str
    channels: int
    #: Hz.
    sample_rate: int
    #: Counted from decoded samples.
    duration: float
    #: From the header; None where the header has none.
    claimed_duration: float | None
    #: Number of damaged packets and premature ends.
    errors: int
    #: One entry per channel: BUCKETS pairs (minimum, maximum) of signed bytes, 2 * BUCKETS bytes.
    peaks: tuple[bytes, ...]
    #: One entry per channel: ``loudness_points`` root mean squares, unsigned bytes, 255 is full scale.
    loudness: tuple[bytes, ...]
    #: Whether a rendition was written, because browsers do not play the original.
    rendition: bool
    #: For each of two channels, whether it has an echo of the other one; None where nobody asked for a rendition.
    echo: tuple[bool, ...] | None = None
    #: Sequences of keyed digits, in order, MAX_FOUND at most; none where nobody looked for them.
    keyed_digits: tuple[FoundDigits, ...] = ()
    #: Where all channels are silent, in order, MAX_SILENCES at most.
    silences: tuple[Silence, ...] = ()

    @property
    def damaged(self) -> bool:
        """Return whether claimed and decoded duration differ too much, or packets were damaged."""
        if self.errors:
            return True
        if self.claimed_duration is None:
            return False
        allowed = DAMAGE_TOLERANCE * max(self.claimed_duration, self.duration)
        return abs(self.claimed_duration - self.duration) > allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """The waveform of a recording, one entry per channel; see ``Description``."""

    peaks: tuple[bytes, ...]
    #: Empty for a recording of a release that did not measure it.
    loudness: tuple[bytes, ...]

    @property
    def stored(self) -> bytes:
        """Return the stored form: the peaks of every channel, then the loudness of every channel."""
        return b"".join((*self.peaks, *self.loudness))


def read_waveform(stored: bytes, channels: int) -> Waveform:
    """Read the stored form."""
    size = 2 * BUCKETS
    peaks, rest = stored[: size * channels], stored[size * channels :]
    points = len(rest) // channels
    return Waveform(
        peaks=tuple(peaks[start : start + size] for start in range(0, len(peaks), size)),
        loudness=tuple(rest[at * points : (at + 1) * points] for at in range(channels)) if points else (),
    )


def loudness_points(seconds: float) -> int:
    """Return how many points of loudness a channel of this duration has: at least as many as its peaks."""
    return min(MAX_LOUDNESS, max(BUCKETS, math.ceil(LOUDNESS_PER_SECOND * seconds)))


def extension(container: str | None) -> str:
    """Return the file extension, such as ``.wav``; empty where the container is unknown."""
    suffix = EXTENSIONS.get(container or "")
    return "" if suffix is None else f".{suffix}"


def plays_in_browsers(container: str, codec: str) -> bool:
    """Return whether Chromium, Firefox and WebKitGTK play this codec from this container."""
    return codec in PLAYABLE.get(container, ())


def content_type(container: str) -> str:
    """Return the media type of the container; ``application/octet-stream`` where it is unknown."""
    return CONTENT_TYPES.get(container, "application/octet-stream")


def wav_header(*, sample_rate: int, channels: int, samples: int) -> bytes:
    """Return the header of a PCM16 WAV file, as the vault writes it, with ``samples`` PCM16 samples per channel."""
    frame = SAMPLE_BYTES * channels
    size = samples * frame
    fmt = struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * frame, frame, 8 * SAMPLE_BYTES)
    riff = struct.pack("<4sI4s", b"RIFF", HEADER_BYTES - 8 + size, b"WAVE")
    return riff + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + struct.pack("<4sI", b"data", size)


def clock_length(seconds: float) -> str:
    """Return a length such as 4:54 or 1:02:03, in every language the same; what is left of a second is dropped."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
