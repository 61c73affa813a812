"""Opens bytes as audio by their content only: file names, other files and protocols are not used."""

from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError

from vault.audio import codecs
from vault.audio.reasons import Reason
from vault.errors import Undecodable

#: FFmpeg's errors for invalid bytes. MemoryError is excluded: it is raised unchanged.
FAULTS = (FFmpegError, ValueError, ArithmeticError)


def open_audio(file: BinaryIO, *, exact_wav: bool = False) -> InputContainer:
    """Open the bytes; ``exact_wav``: a WAV file whose codec has a fixed number of bytes per sample.

    Raises Undecodable if no accepted demuxer recognizes them.
    """
    options = codecs.OPTIONS | codecs.WAV_OPTIONS if exact_wav else dict(codecs.OPTIONS)
    try:
        return av.open(file, "r", options=options, metadata_errors="replace")
    except MemoryError:
        raise
    except FAULTS as error:
        raise Undecodable(Reason.UNKNOWN_FORMAT) from error


def audio_stream(container: InputContainer) -> AudioStream:
    """Return the first audio stream. Raises Undecodable if it is missing or not accepted."""
    streams = container.streams.audio
    try:
        _check_streams(streams)
    except Undecodable:
        container.close()
        raise
    return streams[0]


def _check_streams(streams: Sequence[AudioStream]) -> None:
    """Raise Undecodable unless there is an audio stream and the vault accepts the first one."""
    if not streams:
        raise Undecodable(Reason.NO_STREAM)
    # Unlike its type stub says, PyAV returns None if FFmpeg has no decoder.
    context = cast("AudioCodecContext | None", streams[0].codec_context)
    if context is None or context.codec.canonical_name not in codecs.CODECS:
        raise Undecodable(Reason.CODEC)
    check_shape(context.channels, context.sample_rate)


def check_shape(channels: int, sample_rate: int) -> None:
    """Raise Undecodable unless the channels and the sample rate are accepted."""
    if channels not in (1, 2):
        raise Undecodable(Reason.CHANNELS)
    if sample_rate not in codecs.SAMPLE_RATES:
        raise Undecodable(Reason.SAMPLE_RATE)


def container_name(container: InputContainer) -> str:
    """Return the container's name, such as ``mov`` for FFmpeg's ``mov,mp4,m4a,3gp,3g2,mj2``."""
    return container.format.name.split(",")[0]


def decoder_for(stream_context: AudioCodecContext) -> AudioCodecContext:
    """Return the stream's decoder.

    FFmpeg's own AMR-NB decoder does not support discontinuous transmission: it fails on handsets' silence
    frames, and shortens the recording. libopencore_amrnb decodes them.
    """
    if stream_context.codec.canonical_name != "amr_nb":
        return stream_context
    context = CodecContext.create("libopencore_amrnb", "r")
    context.sample_rate = 8000
    context.layout = "mono"
    return context


def seconds(duration: int | None, time_base: Fraction | None) -> float | None:
    """Return a duration in seconds; None if it is unknown or not positive."""
    if duration is None or time_base is None or duration <= 0:
        return None
    return float(duration * time_base)
