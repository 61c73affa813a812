"""The audio of a notice: how it shall be made, and what came of it."""

from dataclasses import dataclass, field
from typing import Literal

from vault.errors import Invalid

Beep = Literal["none", "start", "end"]
Encoding = Literal["pcm", "ulaw"]
#: Samples a second: what a telephone line carries. A prompt has one channel of 16-bit samples.
RATE = 8000
#: Most bytes that are taken to make a prompt of.
MAX_UPLOAD = 5 << 20
#: Longest prompt, in seconds.
MAX_SECONDS = 30
#: Speech below this level, in dB below full scale, is no speech.
SILENT_DBFS = -50.0
#: No sample of a prompt is above this, so that no line on its way clips it.
PEAK_DBFS = -3.0
#: Between the beep and the speech, in seconds.
GAP_SECONDS = 0.2
#: What may be asked for, from and to, in the units of the fields of PromptWish.
_RANGES = {
    "beep_hz": (300, 3400),
    "beep_seconds": (0.2, 1.0),
    "lead_seconds": (0.0, 5.0),
    "trail_seconds": (0.0, 5.0),
    "level_dbfs": (-30.0, -16.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest:
    """How a prompt shall be made of speech that was uploaded, or of nothing."""

    #: Before or after the speech.
    beep: Beep = "none"
    #: The frequency that telephony has always warned with; inside what a line carries.
    beep_hz: int = 1400
    beep_seconds: float = 0.5
    #: Silence before and after everything.
    lead_seconds: float = 0.2
    trail_seconds: float = 0.2
    #: Root mean square of the speech, and of the beep, in dB below full scale.
    level_dbfs: float = -20.0
    #: Make a beep alone, of no speech.
    tone_only: bool = False

    def check(self) -> None:
        """Raise Invalid, naming the field, for what cannot be made."""
        for name, (least, most) in _RANGES.items():
            # Written so that a value that is not a number fails.
            if not least <= getattr(self, name) <= most:
                raise Invalid(f"{name} is from {least:g} to {most:g}.", field=name)
        if self.tone_only and self.beep == "none":
            raise Invalid("Without speech a prompt is a beep: ask for one with beep=start.", field="beep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A prompt, made."""

    #: 16-bit samples, little-endian, one channel at RATE.
    pcm: bytes = field(repr=False)
    seconds: float
    #: What the root mean square of its speech, or of its beep where there is none, came to.
    level_dbfs: float
