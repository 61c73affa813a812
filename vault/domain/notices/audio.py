"""The audio of a notice: the options of its generation, and the result."""

from dataclasses import dataclass, field
from typing import Literal

from vault.errors import Invalid
from vault.sentence import Sentence

Beep = Literal["none", "start", "end"]
Encoding = Literal["pcm", "ulaw"]
#: Sample rate in Hz, that of telephone lines. A prompt has one channel of 16-bit samples.
RATE = 8000
#: Maximum size of an uploaded audio file, in bytes.
MAX_UPLOAD = 5 << 20
#: Maximum duration of a prompt.
MAX_SECONDS = 30
#: Audio below this level is treated as silence.
SILENT_DBFS = -50.0
#: Maximum sample level of a prompt, so that no line clips it.
PEAK_DBFS = -3.0
#: Pause between the beep and the speech.
GAP_SECONDS = 0.2
#: Minimum and maximum of the fields of PromptRequest.
_RANGES = {
    "beep_hz": (300, 3400),
    "beep_seconds": (0.2, 1.0),
    "lead_seconds": (0.0, 5.0),
    "trail_seconds": (0.0, 5.0),
    "level_dbfs": (-30.0, -16.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptRequest:
    """The options for generating a prompt, from uploaded speech or without speech."""

    #: Before or after the speech.
    beep: Beep = "none"
    #: The usual frequency of recording tones; inside the band of a telephone line.
    beep_hz: int = 1400
    beep_seconds: float = 0.5
    #: Silence before and after the prompt.
    lead_seconds: float = 0.2
    trail_seconds: float = 0.2
    #: Root mean square of the speech and of the beep.
    level_dbfs: float = -20.0
    #: Generate only a beep, without speech.
    tone_only: bool = False

    def check(self) -> None:
        """Validate the fields. Raises Invalid, naming the field."""
        for name, (least, most) in _RANGES.items():
            # This form also refuses NaN.
            if not least <= getattr(self, name) <= most:
                bounds = {"least": f"{least:g}", "most": f"{most:g}"}
                text = Sentence("%(name)s must be between %(least)s and %(most)s.", name=name, **bounds)
                raise Invalid(text, field=name)
        if self.tone_only and self.beep == "none":
            raise Invalid("A prompt without speech needs a beep: set beep to start.", field="beep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A generated prompt."""

    #: 16-bit samples, little-endian, one channel at RATE.
    pcm: bytes = field(repr=False)
    seconds: float
    #: The resulting root mean square of its speech, or of its beep if it has no speech.
    level_dbfs: float
