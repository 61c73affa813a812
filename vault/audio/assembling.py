"""Assembles a prompt from decoded speech, silence and a beep, with pydub.

pydub's input and output are 16-bit PCM, for which it needs no other program. Its own readers and
writers are not used: they would convert µ-law to 8 bits, or run FFmpeg's command line.
"""

import warnings
from typing import Any

import numpy as np

from vault.audio.levels import level_dbfs, levelled
from vault.domain.notices.audio import GAP_SECONDS, MAX_SECONDS, RATE, SILENT_DBFS, Prompt, PromptRequest
from vault.errors import Undecodable

#: Crest factor of a sine in dB: its peak above its root mean square.
_SINE_CREST = 10 * float(np.log10(2))
#: Milliseconds of a beep's fade-in and fade-out, so that it does not click.
_FADE = 10
TOO_LONG = f"The prompt must be at most {MAX_SECONDS} seconds long, including its beep and its silence."
SILENT = f"The audio is silent: its level is below {SILENT_DBFS:g} dBFS."


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
