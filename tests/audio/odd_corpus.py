"""Files with more in them than one audio track, or with something else: made by PyAV, as no tool need be there."""

import io
import struct
from contextlib import contextmanager
from fractions import Fraction
from functools import partial

import av
import numpy as np

from tests.support import corpus
from vault.audio.reasons import Reason

#: Track of text -> the codec's FFmpeg name, and a cue as a packet of it.
CUES = {
    "mov_text": b"\0\5hello",
    "subrip": b"hello",
    "webvtt": b"hello",
    "ass": b"0,0,Default,,0,0,0,,hello",
}
MILLISECOND = Fraction(1, 1000)
# One frame of AMR-WB at 6.60 kbit/s: its table-of-contents byte and 132 bits (RFC 4867, section 5.3).
AMR_WB_FRAME = b"\x04" + bytes(range(17))
# One frame of comfort noise, and one that says "no data", of AMR-NB.
AMR_SILENCE, AMR_NOTHING = b"\x44" + bytes(5), b"\x7c"


@contextmanager
def muxer(container):
    """Yield a muxer, and the bytes that it wrote once it is closed."""
    output = io.BytesIO()
    with av.open(output, "w", format=container) as file:
        yield file, output


def sound(file, codec, *, seconds=1.0):
    """Add an audio track with that many seconds of tones."""
    rate = 48000 if codec == "libopus" else 8000
    stream = file.add_stream(codec, rate=rate)
    stream.layout = "stereo"
    samples = np.ascontiguousarray(corpus.tones(seconds, rate=rate))
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate, frame.pts = rate, 0
    return [packet for part in (frame, None) for packet in stream.encode(part)]


def picture(file, *, codec="mjpeg", frames=1, cover=False):
    """Add a video track, or a cover."""
    stream = file.add_stream(codec, rate=25)
    stream.width = stream.height = 64
    stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    if cover:
        stream.disposition = 0x400
    packets = []
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 40 * number % 255, np.uint8), format="rgb24")
        frame.pts = number
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def text(file, codec):
    """Add a track of subtitles with one cue."""
    stream = file.add_mux_stream(codec, time_base=MILLISECOND)
    packet = av.Packet(CUES[codec])
    packet.stream, packet.time_base = stream, MILLISECOND
    packet.pts = packet.dts = 0
    packet.duration = 500
    return [packet]


def made(container, *parts):
    """Return a file of these parts; each is a function that takes the muxer and returns packets."""
    with muxer(container) as (file, output):
        for packets in [part(file) for part in parts]:
            file.mux(packets)
    return output.getvalue()


def attached(file):
    """Attach a file, as Matroska can."""
    file.add_attachment("notes.txt", "text/plain", b"nothing to hear")
    return []


def chapters(file):
    """Name two halves of the file."""
    halves = [(0, 500, "one"), (500, 1000, "two")]
    file.set_chapters(
        [
            {"id": number, "start": start, "end": end, "time_base": MILLISECOND, "metadata": {"title": title}}
            for number, (start, end, title) in enumerate(halves)
        ]
    )
    return []


def tagged(file):
    """Say something in a foreign script about the file."""
    file.metadata["title"] = "Gespräch 通话 🎧"
    return []


def data_track(file):
    """Add a track that is neither audio, video nor text, and return its one packet."""
    stream = file.add_data_stream("bin_data")
    packet = av.Packet(b"12345678")
    packet.stream, packet.time_base = stream, MILLISECOND
    packet.pts = packet.dts = 0
    packet.duration = 10
    return [packet]


def aac(file):
    """Add a second of AAC."""
    return sound(file, "aac")


def opus(file):
    """Add a second of Opus."""
    return sound(file, "libopus")


def film(file, codec="mjpeg"):
    """Add a second of video."""
    return picture(file, codec=codec, frames=25)


def cover(file):
    """Add a cover."""
    return picture(file, cover=True)


def cue(codec):
    """Return what adds a track of subtitles."""
    return lambda file: text(file, codec)


def ogg(codec="libopus", seconds=1.0):
    """Return Opus or Vorbis in Ogg."""
    samples = corpus.tones(seconds)
    if codec == "vorbis":
        return corpus.encode("ogg", "vorbis", samples, options={"strict": "-2"})
    return corpus.encode("ogg", codec, samples, encoder_rate=48000)


def gsm_wav():
    """Return GSM 6.10 in WAV, as Asterisk writes it: blocks of 65 bytes for 320 samples."""
    body = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    return corpus.riff_file(corpus.chunk(b"fmt ", body), corpus.chunk(b"data", bytes(65) * 25))


def audible():
    """Return name -> (bytes, container, codec, seconds): what is described, and is not damaged."""
    speech = b"\x3c" + bytes(31)
    mp3, flac = partial(sound, codec="libmp3lame"), partial(sound, codec="flac")
    return {
        "mp4-subtitles": (made("mp4", aac, cue("mov_text")), "mov", "aac", 1.0),
        "mov-subtitles": (made("mov", aac, cue("mov_text")), "mov", "aac", 1.0),
        "mkv-srt": (made("matroska", opus, cue("subrip")), "matroska", "opus", 1.0),
        "mkv-ass": (made("matroska", opus, cue("ass")), "matroska", "opus", 1.0),
        "webm-vtt": (made("webm", opus, cue("webvtt")), "matroska", "opus", 1.0),
        "mkv-attachment": (made("matroska", opus, attached), "matroska", "opus", 1.0),
        "mkv-chapters": (made("matroska", opus, chapters), "matroska", "opus", 1.0),
        "mp4-chapters": (made("mp4", aac, chapters), "mov", "aac", 1.0),
        "mp4-tags": (made("mp4", tagged, aac), "mov", "aac", 1.0),
        "mp4-data": (made("mp4", aac, data_track), "mov", "aac", 1.0),
        "mp4-two-tracks": (made("mp4", aac, aac), "mov", "aac", 1.0),
        "mp4-video": (made("mp4", partial(film, codec="mpeg4"), aac), "mov", "aac", 1.0),
        "mkv-video": (made("matroska", film, opus), "matroska", "opus", 1.0),
        "mp3-cover": (made("mp3", mp3, cover), "mp3", "mp3", 1.0),
        "m4a-cover": (made("mp4", aac, cover), "mov", "aac", 1.0),
        "flac-cover": (made("flac", flac, cover), "flac", "flac", 1.0),
        "opus-chained": (ogg() + ogg(seconds=0.5), "ogg", "opus", 1.5),
        "opus-chained-up": (ogg(seconds=0.5) + ogg(), "ogg", "opus", 1.5),
        "vorbis-chained": (ogg("vorbis") * 2, "ogg", "vorbis", 2.128),
        "gsm-wav": (gsm_wav(), "wav", "gsm_ms", 1.0),
        "amr-wb": (b"#!AMR-WB\n" + AMR_WB_FRAME * 50, "amr", "amr_wb", 1.0),
        "amr-pauses": (b"#!AMR\n" + (speech + AMR_SILENCE + AMR_NOTHING * 7) * 20, "amr", "amr_nb", 3.6),
    }


def inaudible():
    """Return name -> (bytes, reason): whole files without audio, and files cut where nothing can be saved."""
    jpeg = made("mjpeg", picture)
    return {
        "empty": (b"", Reason.EMPTY),
        "mp4-only-subtitles": (made("mp4", cue("mov_text")), Reason.NO_STREAM),
        "mkv-only-subtitles": (made("matroska", cue("subrip")), Reason.NO_STREAM),
        "webm-only-subtitles": (made("webm", cue("webvtt")), Reason.NO_STREAM),
        "mp4-only-data": (made("mp4", data_track), Reason.NO_STREAM),
        "mp4-only-video": (made("mp4", partial(film, codec="mpeg4")), Reason.NO_STREAM),
        "mkv-only-video": (made("matroska", film), Reason.NO_STREAM),
        "webm-only-video": (made("webm", partial(film, codec="libvpx")), Reason.NO_STREAM),
        "mkv-attachment-without-audio": (made("matroska", film, attached), Reason.NO_STREAM),
        "jpeg": (jpeg, Reason.UNKNOWN_FORMAT),
        "mp4-cut": (made("mp4", aac, cue("mov_text"))[:4000], Reason.UNKNOWN_FORMAT),
        "ogg-cut": (ogg()[:4000], Reason.UNKNOWN_FORMAT),
    }


def cut():
    """Return name -> bytes: audio whose end is missing, beside tracks that are no audio."""
    return {
        "mkv-srt": made("matroska", opus, cue("subrip"))[:9000],
        "webm-vtt": made("webm", opus, cue("webvtt"))[:9000],
        "mkv-video": made("matroska", film, opus)[:20000],
        "opus-chained": (ogg() + ogg(seconds=0.5))[:-100],
        "flac": corpus.good()["flac"][0][:9000],
    }
