"""A prompt maker for plain telephone WAV files, in this process, by the standard library alone.

It polices the port's rules: the wish is checked, and speech and a beep alone are told apart. Levels are as they
come: it puts the speech, silence and a square wave one after the other.
"""

import io
import math
import wave
from array import array
from dataclasses import dataclass, field

from vault.domain.notices.audio import MAX_SECONDS, MAX_UPLOAD, RATE, SILENT_DBFS, Prompt, PromptRequest
from vault.errors import DescriberCrashed, Undecodable


@dataclass
class FakePromptMaker:
    """The PromptMaker port. ``crashes`` is how many of the next uploads end in DescriberCrashed."""

    crashes: int = 0
    #: What was asked for, upload by upload.
    wishes: list[PromptRequest] = field(default_factory=list)

    async def make(self, upload: bytes, wish: PromptRequest) -> Prompt:
        """Make a prompt."""
        wish.check()
        self.wishes.append(wish)
        if len(upload) > MAX_UPLOAD:
            raise Undecodable("The uploaded audio must have at most 5 MiB.")
        if bool(upload) == wish.tone_only:
            raise Undecodable(
                "The file is empty."
                if not upload
                else "A prompt that is only a beep must be sent without audio."
            )
        if self.crashes > 0:
            self.crashes -= 1
            raise DescriberCrashed("The describer ended with status -9.")
        speech = array("h") if wish.tone_only else samples_of(upload)
        beep = square(wish) if wish.beep != "none" else array("h")
        gap = silence(0.2) if speech and beep else array("h")
        middle = beep + gap + speech if wish.beep == "start" else speech + gap + beep
        pcm = (silence(wish.lead_seconds) + middle + silence(wish.trail_seconds)).tobytes()
        if len(pcm) > 2 * RATE * MAX_SECONDS:
            raise Undecodable("The prompt must be at most 30 seconds long.")
        return Prompt(pcm=pcm, seconds=len(pcm) / 2 / RATE, level_dbfs=level(speech or beep))


def samples_of(upload: bytes) -> array:
    """Return the samples of a PCM16 file with one channel at 8 kHz. Raises Undecodable for anything else."""
    try:
        with wave.open(io.BytesIO(upload)) as file:
            shape, frames = file.getparams()[:3], file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise Undecodable("The bytes are not in an audio format that the vault reads.") from error
    if shape != (1, 2, RATE) or not frames:
        raise Undecodable("The audio is not one that the vault takes.")
    samples = array("h", frames)
    if level(samples) < SILENT_DBFS:
        raise Undecodable("The audio is silent.")
    return samples


def level(samples: array) -> float:
    """Return the root mean square in dBFS."""
    power = sum(sample * sample for sample in samples) / len(samples)
    return 10 * math.log10(power / 32768**2) if power else -math.inf


def square(wish: PromptRequest) -> array:
    """Return a beep of the wanted level and length."""
    height = round(32768 * 10 ** (wish.level_dbfs / 20))
    half = max(1, RATE // wish.beep_hz // 2)
    count = round(wish.beep_seconds * RATE)
    return array("h", [height if n // half % 2 else -height for n in range(count)])


def silence(seconds: float) -> array:
    """Return zeros."""
    return array("h", bytes(2 * round(seconds * RATE)))
