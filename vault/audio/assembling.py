"""Assembles a prompt from decoded speech, silence and a beep, with pydub, and brings the speech to a level.

pydub's input and output are 16-bit PCM, for which it needs no other program. Its own readers and
writers are not used: they would convert µ-law to 8 bits, or run FFmpeg's command line.
The level is the requested root mean square, with no peak above the limit of telephone lines. Speech has peaks up
to 20 dB above its average, so gain alone cannot do both. Around a peak that would be too high the gain is lowered for
some milliseconds, and the overall gain is raised to compensate.
"""

import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from vault.domain.notices.audio import (
    GAP_SECONDS,
    MAX_SECONDS,
    PEAK_DBFS,
    RATE,
    SILENT_DBFS,
    Prompt,
    PromptRequest,
)
from vault.errors import Undecodable

#: Crest factor of a sine in dB: its peak above its root mean square.
_SINE_CREST = 10 * float(np.log10(2))
#: Milliseconds of a beep's fade-in and fade-out, so that it does not click.
_FADE = 10
TOO_LONG = f"The prompt must be at most {MAX_SECONDS} seconds long, including its beep and its silence."
SILENT = f"The audio is silent: its level is below {SILENT_DBFS:g} dBFS."
Signal = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]

FULL_SCALE = 32768.0
#: The maximum sample value.
_CEILING = np.floor(FULL_SCALE * 10 ** (PEAK_DBFS / 20))
#: Samples with the same gain: 10 ms.
_BLOCK = 80
#: Tolerance of the level in dB.
_NEAR = 0.1
_ROUNDS = 20
#: Maximum gain in dB: more would make the background noise between the words audible.
_MAX_GAIN_DB = 45.0


def assemble(speech: bytes, wish: PromptRequest) -> Prompt:
    """Assemble the prompt. ``speech`` is PCM16 little-endian at RATE, or empty for a beep without speech.

    Raises Undecodable for silent speech, and for a prompt of more than MAX_SECONDS.
    """
    voice = b"" if wish.tone_only else _voice(speech, wish)
    pieces = _pieces(voice, wish)
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole.append(piece, crossfade=0)
    pcm: bytes = whole.raw_data
    seconds = len(pcm) / 2 / RATE
    if seconds > MAX_SECONDS:
        raise Undecodable(TOO_LONG)
    audible = voice or _beep(wish).raw_data
    return Prompt(pcm=pcm, seconds=seconds, level_dbfs=level_dbfs(np.frombuffer(audible, "<i2")))


def _voice(speech: bytes, wish: PromptRequest) -> bytes:
    """Return the speech at the requested level. Raises Undecodable if it is silent."""
    samples = np.frombuffer(speech, "<i2")
    if level_dbfs(samples) < SILENT_DBFS:
        raise Undecodable(SILENT)
    return levelled(samples, wish.level_dbfs).astype("<i2").tobytes()


def _pieces(voice: bytes, wish: PromptRequest) -> list[Any]:
    """Return pydub's segments in order."""
    pydub = _pydub()
    spoken = [pydub.AudioSegment(data=voice, sample_width=2, frame_rate=RATE, channels=1)] if voice else []
    gap = [_silence(GAP_SECONDS)] if spoken else []
    before = [_beep(wish), *gap] if wish.beep == "start" else []
    after = [*gap, _beep(wish)] if wish.beep == "end" else []
    return [_silence(wish.lead_seconds), *before, *spoken, *after, _silence(wish.trail_seconds)]


def _beep(wish: PromptRequest) -> Any:
    """Generate a sine of the requested level."""
    sine = _pydub().generators.Sine(wish.beep_hz, sample_rate=RATE)
    loud = sine.to_audio_segment(duration=1000 * wish.beep_seconds, volume=wish.level_dbfs + _SINE_CREST)
    return loud.fade_in(_FADE).fade_out(_FADE)


def _silence(seconds: float) -> Any:
    return _pydub().AudioSegment.silent(duration=1000 * seconds, frame_rate=RATE)


def _pydub() -> Any:
    """Import pydub on first use: prompts are rare, and the import warns about a missing FFmpeg."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydub  # noqa: PLC0415 - see above
        import pydub.generators  # noqa: PLC0415 - see above
    return pydub


def level_dbfs(samples: Samples) -> float:
    """Return the root mean square in dB below full scale; minus infinity for silence."""
    return _level(samples.astype(np.float64))


def levelled(samples: Samples, target: float) -> Samples:
    """Return the samples at ``target`` dBFS, none above PEAK_DBFS. They must not be silent."""
    signal, gain = samples.astype(np.float64), 0.0
    for _ in range(_ROUNDS):
        limited = _limited(signal * 10 ** (gain / 20))
        missing = target - _level(limited)
        if abs(missing) <= _NEAR or gain + missing > _MAX_GAIN_DB:
            break
        gain += missing
    return np.rint(limited).astype(np.int16)


def _level(signal: Signal) -> float:
    power = float(np.mean(signal**2)) if len(signal) else 0.0
    return 10 * math.log10(power / FULL_SCALE**2) if power else -math.inf


def _limited(signal: Signal) -> Signal:
    """Lower the gain where samples exceed the ceiling.

    Each block needs the gain of its highest sample. At the edge between two blocks the lower of their
    gains applies, and between edges it is interpolated: so the gain never exceeds what the block needs, and
    never jumps.
    """
    padded = np.pad(np.abs(signal), (0, -len(signal) % _BLOCK)).reshape(-1, _BLOCK)
    needed = _CEILING / np.maximum(padded.max(axis=1), _CEILING)
    edges = np.concatenate([needed[:1], np.minimum(needed[:-1], needed[1:]), needed[-1:]])
    places = np.arange(len(signal)) / _BLOCK
    lowered: Signal = signal * np.interp(places, np.arange(len(edges)), edges)
    return lowered
