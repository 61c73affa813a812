"""Opening bytes as audio, by what they are alone: no name, no other file and no protocol takes part."""

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

#: What FFmpeg raises on bytes that are not what they claim. Its MemoryError is not for us to judge.
FAULTS = (FFmpegError, ValueError, ArithmeticError)


def open_audio(file: BinaryIO) -> InputContainer:
    """Open the bytes. Raises Undecodable where no demuxer of the vault knows them."""
    try:
        return av.open(file, "r", options=dict(codecs.OPTIONS), metadata_errors="replace")
    except MemoryError:
        raise
    except FAULTS as error:
        raise Undecodable(Reason.UNKNOWN_FORMAT) from error


def audio_stream(container: InputContainer) -> AudioStream:
    """Return the first audio stream, if the vault decodes what is in it."""
    streams = container.streams.audio
    try:
        _check_streams(streams)
    except Undecodable:
        container.close()
        raise
    return streams[0]


def _check_streams(streams: Sequence[AudioStream]) -> None:
    """Raise Undecodable unless the first of the audio streams is one that the vault decodes."""
    if not streams:
        raise Undecodable(Reason.NO_STREAM)
    # PyAV gives no context where FFmpeg has no decoder, whatever its stub says.
    context = cast("AudioCodecContext | None", streams[0].codec_context)
    if context is None or context.codec.canonical_name not in codecs.CODECS:
        raise Undecodable(Reason.CODEC)
    check_shape(context.channels, context.sample_rate)


def check_shape(channels: int, sample_rate: int) -> None:
    """Raise Undecodable unless channels and rate are ones that the vault takes."""
    if channels not in (1, 2):
        raise Undecodable(Reason.CHANNELS)
    if sample_rate not in codecs.SAMPLE_RATES:
        raise Undecodable(Reason.SAMPLE_RATE)


def container_name(container: InputContainer) -> str:
    """Return the vault's name of the container: ``mov`` for FFmpeg's ``mov,mp4,m4a,3gp,3g2,mj2``."""
    return container.format.name.split(",")[0]


def decoder_for(stream_context: AudioCodecContext) -> AudioCodecContext:
    """Return what decodes the stream.

    FFmpeg's own AMR-NB decoder knows no discontinuous transmission: it fails on the silence frames that
    handsets write, and shortens the recording. libopencore_amrnb decodes them.
    """
    if stream_context.codec.canonical_name != "amr_nb":
        return stream_context
    context = CodecContext.create("libopencore_amrnb", "r")
    context.sample_rate = 8000
    context.layout = "mono"
    return context


def seconds(duration: int | None, time_base: Fraction | None) -> float | None:
    """Return a duration in seconds; None where it is not known or not more than nothing."""
    if duration is None or time_base is None or duration <= 0:
        return None
    return float(duration * time_base)
