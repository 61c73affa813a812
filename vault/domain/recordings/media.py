"""What a recording is as audio, and which of it a browser plays."""

from dataclasses import dataclass

#: Points of the waveform, per channel; each point is a lowest and a highest value.
BUCKETS = 1000
#: Longest recording, in seconds.
MAX_DURATION = 12 * 3600
#: Claimed and decoded duration may differ by this share before the recording counts as damaged.
DAMAGE_TOLERANCE = 0.02

#: Codecs, by their FFmpeg names, that Chromium, Firefox and WebKitGTK play from the container beside them.
#: Measured with real files: ``canPlayType`` denies G.711, which is played nevertheless. WebKitGTK is inexact with
#: Ogg; a rendition of Opus would be 691 MB an hour instead of 14.
PLAYABLE = {
    "wav": {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_mulaw", "pcm_alaw"},
    "mp3": {"mp3", "mp3float"},
    "ogg": {"opus", "vorbis"},
    "matroska": {"opus", "vorbis"},
    "flac": {"flac"},
    "mov": {"aac"},
}
#: What a browser is told that the bytes are.
CONTENT_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "matroska": "audio/webm",
    "flac": "audio/flac",
    "mov": "audio/mp4",
}
#: How the address of such a file ends: Safari also looks at that.
EXTENSIONS = {"wav": "wav", "mp3": "mp3", "ogg": "ogg", "matroska": "webm", "flac": "flac", "mov": "m4a"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What one full decoding pass found. Durations are in seconds."""

    #: FFmpeg's name of the container: wav, mp3, ogg, matroska, flac, mov, amr, gsm.
    container: str
    #: FFmpeg's name of the codec.
    codec: str
    channels: int
    #: Samples a second.
    sample_rate: int
    #: Counted from decoded samples.
    duration: float
    #: What the header says; None where it says nothing.
    claimed_duration: float | None
    #: Decoding met damaged packets, or an end that came too early.
    errors: int
    #: One entry per channel: BUCKETS pairs (lowest, highest) of signed bytes, 2 * BUCKETS bytes.
    peaks: tuple[bytes, ...]
    #: True where a rendition was written because browsers do not play the original.
    rendition: bool

    @property
    def damaged(self) -> bool:
        """Say whether claimed and decoded duration differ too much, or packets were damaged."""
        if self.errors:
            return True
        if self.claimed_duration is None:
            return False
        allowed = DAMAGE_TOLERANCE * max(self.claimed_duration, self.duration)
        return abs(self.claimed_duration - self.duration) > allowed


def extension(container: str | None) -> str:
    """Return how the name of such a file ends, such as ``.wav``; empty where no container is known."""
    ending = EXTENSIONS.get(container or "")
    return "" if ending is None else f".{ending}"


def plays_in_browsers(container: str, codec: str) -> bool:
    """Say whether Chromium, Firefox and WebKitGTK play this codec from this container."""
    return codec in PLAYABLE.get(container, ())


def content_type(container: str) -> str:
    """Return the media type of the container; bytes of no known type are never guessed at."""
    return CONTENT_TYPES.get(container, "application/octet-stream")
