"""Recordings made when they are needed: by PyAV where it has an encoder, by hand where they must be wrong."""

import io
import struct
import wave
from functools import cache

import av
import numpy as np

from vault.audio import riff

RATE = 8000


def tones(seconds=1.0, *, rate=RATE, channels=2):
    """Return int16 samples of shape (samples, channels): a loud low tone left, a soft higher one right."""
    time = np.arange(round(seconds * rate)) / rate
    left = 16000 * np.sin(2 * np.pi * 440 * time)
    right = 5000 * np.sin(2 * np.pi * 700 * time)
    return np.stack([left, right][:channels], axis=1).astype(np.int16)


def wav(samples: np.ndarray, *, rate: int = RATE) -> bytes:
    """Return a PCM16 WAV file, written by the standard library."""
    output = io.BytesIO()
    with wave.open(output, "wb") as file:
        file.setparams((samples.shape[1], 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return output.getvalue()


def chunk(name, body):
    """Return a RIFF chunk, padded to an even length."""
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def fmt(tag, channels, rate, bits, *, extra=b"", block_align=None):
    """Return a fmt chunk; every value may be a lie."""
    align = channels * bits // 8 if block_align is None else block_align
    body = struct.pack(
        "<HHIIHH", tag, channels & 0xFFFF, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits
    )
    return chunk(b"fmt ", body + extra)


def riff_file(*chunks):
    """Return a WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def extensible(tag, samples_bytes, *, channels=2, rate=RATE, bits=8):
    """Return a WAVE_FORMAT_EXTENSIBLE file whose real codec is ``tag``."""
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    extra = struct.pack("<HHI", 22, bits, 3) + guid
    return riff_file(fmt(riff.EXTENSIBLE, channels, rate, bits, extra=extra), chunk(b"data", samples_bytes))


def encode(
    container: str,
    codec: str,
    samples: np.ndarray,
    *,
    rate: int = RATE,
    encoder_rate: int | None = None,
    options: dict[str, str] | None = None,
    sample_format: str | None = None,
) -> bytes:
    """Return the samples coded by FFmpeg."""
    output = io.BytesIO()
    layout = "stereo" if samples.shape[1] == 2 else "mono"
    with av.open(output, "w", format=container) as muxer:
        stream = muxer.add_stream(codec, rate=encoder_rate or rate, options=options or {})
        stream.layout = layout
        if sample_format:
            stream.format = sample_format
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format="s16", layout=layout
        )
        frame.sample_rate, frame.pts = rate, 0
        for part in (frame, None):
            for packet in stream.encode(part):
                muxer.mux(packet)
    return output.getvalue()


def decode(data):
    """Return the samples as FFmpeg decodes them, without any of the vault's code."""
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="s16")
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1, frame.layout.nb_channels) for frame in frames])


#: A page that would run a script.
_PAGE = b"<!DOCTYPE html><html><body><script>alert(document.domain)</script></body></html>"

#: One GSM 06.10 frame is 33 bytes with the magic 0xD in its first nibble; this one is silence.
GSM_SILENCE = bytes.fromhex(
    "d820a2e15a500049249249249250004924924924925000492492492492500049249249249249"[:66]
)


@cache
def good():
    """Return name -> (bytes, container, codec, channels, rate, whether browsers need a rendition)."""
    dual, mono, wide = tones(), tones(channels=1), tones(rate=16000, channels=1)
    ulaw = encode("wav", "pcm_mulaw", dual)
    return {
        "pcm16": (wav(dual), "wav", "pcm_s16le", 2, 8000, False),
        "pcm16-mono": (wav(mono), "wav", "pcm_s16le", 1, 8000, False),
        "pcm16-48k": (wav(tones(rate=48000), rate=48000), "wav", "pcm_s16le", 2, 48000, False),
        "u8": (encode("wav", "pcm_u8", dual), "wav", "pcm_u8", 2, 8000, False),
        "s24": (encode("wav", "pcm_s24le", dual), "wav", "pcm_s24le", 2, 8000, False),
        "f32": (encode("wav", "pcm_f32le", dual), "wav", "pcm_f32le", 2, 8000, False),
        "ulaw": (ulaw, "wav", "pcm_mulaw", 2, 8000, False),
        "ulaw-mono": (encode("wav", "pcm_mulaw", mono), "wav", "pcm_mulaw", 1, 8000, False),
        "alaw": (encode("wav", "pcm_alaw", dual), "wav", "pcm_alaw", 2, 8000, False),
        "extensible-ulaw": (extensible(7, ulaw[-16000:]), "wav", "pcm_mulaw", 2, 8000, False),
        "extensible-pcm": (extensible(1, dual.tobytes(), bits=16), "wav", "pcm_s16le", 2, 8000, False),
        "mp3": (encode("mp3", "libmp3lame", dual), "mp3", "mp3", 2, 8000, False),
        "mp3-mono": (encode("mp3", "libmp3lame", mono), "mp3", "mp3", 1, 8000, False),
        "opus": (encode("ogg", "libopus", dual, encoder_rate=48000), "ogg", "opus", 2, 48000, False),
        "vorbis": (encode("ogg", "vorbis", dual, options={"strict": "-2"}), "ogg", "vorbis", 2, 8000, False),
        "flac": (encode("flac", "flac", dual), "flac", "flac", 2, 8000, False),
        "m4a": (encode("mp4", "aac", dual), "mov", "aac", 2, 8000, False),
        "webm": (encode("webm", "libopus", dual, encoder_rate=48000), "matroska", "opus", 2, 48000, False),
        "amr": (encode("amr", "libopencore_amrnb", mono), "amr", "amr_nb", 1, 8000, True),
        "3gp": (encode("3gp", "libopencore_amrnb", mono), "mov", "amr_nb", 1, 8000, True),
        "ima": (encode("wav", "adpcm_ima_wav", dual), "wav", "adpcm_ima_wav", 2, 8000, True),
        "g722": (encode("wav", "g722", wide, rate=16000), "wav", "adpcm_g722", 1, 16000, True),
        "mov-ulaw": (encode("mov", "pcm_mulaw", dual), "mov", "pcm_mulaw", 2, 8000, True),
        "gsm": (GSM_SILENCE * 50, "gsm", "gsm", 1, 8000, True),
    }


def resized(data, *, riff_size, data_size):
    """Return a PCM16 WAV file of ours with other sizes in its header."""
    return data[:4] + struct.pack("<I", riff_size) + data[8:40] + struct.pack("<I", data_size) + data[44:]


def damaged():
    """Return name -> bytes that hold audio, but less than they claim or with a piece gone."""
    pcm, second = wav(tones(2.0)), tones(2.0)
    mp3 = encode("mp3", "libmp3lame", second)
    opus = encode("ogg", "libopus", second, encoder_rate=48000)
    amr = encode("amr", "libopencore_amrnb", second[:, :1])
    return {
        "wav-half": pcm[: len(pcm) // 2],
        "wav-claims-2-gib": resized(pcm, riff_size=0x80000000, data_size=0x80000000 - 36),
        "wav-size-too-short": resized(pcm, riff_size=0x80000000, data_size=len(pcm) * 2),
        "mp3-half": mp3[: len(mp3) // 2],
        "ogg-half": opus[: len(opus) // 2],
        "amr-cut": amr[: len(amr) // 2 + 3],
    }


def unsized():
    """Return name -> bytes whose header does not know how long they are, though they are whole."""
    pcm = wav(tones())
    return {
        "recorder-crashed": resized(pcm, riff_size=0, data_size=0),
        "streamed": resized(pcm, riff_size=0xFFFFFFFF, data_size=0xFFFFFFFF),
        "streamed-minus-header": resized(pcm, riff_size=0xFFFFFFFF, data_size=0xFFFFFFFF - 44),
    }


def polyglots():
    """Return name -> bytes that are whole audio and, to a program that guesses by content, an HTML page."""
    data = tones()
    sound = fmt(1, 2, RATE, 16), chunk(b"data", data.tobytes())
    size = 1 + len(_PAGE)
    frame = b"COMM" + struct.pack(">IH", size, 0) + b"\0" + _PAGE
    tag = b"ID3\x04\0\0" + bytes([0, 0, len(frame) >> 7, len(frame) & 127]) + frame
    return {
        "wav": riff_file(chunk(b"note", _PAGE), *sound),
        "wav-behind": wav(data) + _PAGE,
        "mp3": tag + encode("mp3", "libmp3lame", data),
        "ogg-behind": encode("ogg", "libopus", data, encoder_rate=48000) + _PAGE,
    }


def undecodable():
    """Return name -> bytes that are no recording at all."""
    data = chunk(b"data", tones().tobytes())
    pcm = wav(tones())
    noise = np.random.default_rng(1).bytes(100_000)
    mp3_id3 = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 0]) + bytes(256)
    return {
        "empty": b"",
        "wav-in-fmt": pcm[:22],
        "wav-header-only": pcm[:44],
        "wav-fmt-4-gib": pcm[:16] + b"\xff" * 4 + pcm[20:],
        "wav-no-channels": riff_file(fmt(1, 0, RATE, 16), data),
        "wav-65535-channels": riff_file(fmt(1, 65535, RATE, 16), data),
        "wav-3-channels": riff_file(fmt(1, 3, RATE, 16), data),
        "wav-rate-0": riff_file(fmt(1, 2, 0, 16), data),
        "wav-rate-4g": riff_file(fmt(1, 2, 0xFFFFFFFF, 16), data),
        "wav-rate-96k": riff_file(fmt(1, 2, 96000, 16), data),
        "wav-unknown-tag": riff_file(fmt(0x4242, 2, RATE, 16), data),
        "riff-only": pcm[:12],
        "id3-only": mp3_id3,
        "id3-claims-256-mb": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(1000),
        "amr-magic": b"#!AMR\n",
        "ogg-magic": b"OggS",
        # A header of 64 bits for x86-64, as at the beginning of every program of Linux.
        "elf": b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + noise[:5000],
        "html-before-audio": _PAGE + encode("mp3", "libmp3lame", tones()),
        "html": b"<!DOCTYPE html><html><body>403 Forbidden</body></html>",
        "s3-error": b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>',
        "text": b"This recording is not available any more.\n" * 20,
        "json": b'{"message": "Not Found"}',
        "zeros": bytes(100_000),
        "random": noise,
        "zip": b"PK\x03\x04\x14\x00\x00\x00\x08\x00" + noise[:5000],
        "avi": b"RIFF" + struct.pack("<I", 5000) + b"AVI LIST" + noise[:5000],
        "png": b"\x89PNG\r\n\x1a\n" + noise[:5000],
        "ulaw-raw": encode("mulaw", "pcm_mulaw", tones(channels=1)),
        "playlist": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    }
