"""Putting a prompt together from decoded speech, silence and a beep, by pydub.

pydub gets 16-bit PCM and gives 16-bit PCM, which it does without any other program: its own readers and
writers would turn µ-law into 8 bits, or call FFmpeg's command line, so they are not used.
"""

import warnings
from typing import Any

import numpy as np

from vault.audio.levels import level_dbfs, levelled
from vault.domain.notices.audio import GAP_SECONDS, MAX_SECONDS, RATE, SILENT_DBFS, Prompt, PromptRequest
from vault.errors import Undecodable

#: The peak of a sine above its root mean square, in dB.
_SINE_CREST = 10 * float(np.log10(2))
#: Milliseconds in which a beep swells and dies away, so that it does not click.
_FADE = 10
TOO_LONG = f"A prompt is at most {MAX_SECONDS} seconds long, with its beep and its silence."
SILENT = f"The audio is silent: its level is below {SILENT_DBFS:g} dBFS."


def assemble(speech: bytes, wish: PromptRequest) -> Prompt:
    """Return the prompt made of PCM16 little-endian at RATE, which is empty for a beep alone.

    Raises Undecodable for speech that is silent, and for a prompt of more than MAX_SECONDS.
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
    heard = voice or _beep(wish).raw_data
    return Prompt(pcm=pcm, seconds=seconds, level_dbfs=level_dbfs(np.frombuffer(heard, "<i2")))


def _voice(speech: bytes, wish: PromptRequest) -> bytes:
    """Return the speech at its level. Raises Undecodable where there is none to be heard."""
    samples = np.frombuffer(speech, "<i2")
    if level_dbfs(samples) < SILENT_DBFS:
        raise Undecodable(SILENT)
    return levelled(samples, wish.level_dbfs).astype("<i2").tobytes()


def _pieces(voice: bytes, wish: PromptRequest) -> list[Any]:
    """Return pydub's segments in their order."""
    pydub = _pydub()
    spoken = [pydub.AudioSegment(data=voice, sample_width=2, frame_rate=RATE, channels=1)] if voice else []
    gap = [_silence(GAP_SECONDS)] if spoken else []
    before = [_beep(wish), *gap] if wish.beep == "start" else []
    after = [*gap, _beep(wish)] if wish.beep == "end" else []
    return [_silence(wish.lead_seconds), *before, *spoken, *after, _silence(wish.trail_seconds)]


def _beep(wish: PromptRequest) -> Any:
    """Return a sine of the wanted level."""
    sine = _pydub().generators.Sine(wish.beep_hz, sample_rate=RATE)
    loud = sine.to_audio_segment(duration=1000 * wish.beep_seconds, volume=wish.level_dbfs + _SINE_CREST)
    return loud.fade_in(_FADE).fade_out(_FADE)


def _silence(seconds: float) -> Any:
    return _pydub().AudioSegment.silent(duration=1000 * seconds, frame_rate=RATE)


def _pydub() -> Any:
    """Import pydub when it is needed for the first time: prompts are rare, and it complains that it has no FFmpeg."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pydub  # noqa: PLC0415 - see above
        import pydub.generators  # noqa: PLC0415 - see above
    return pydub
