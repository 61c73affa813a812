"""Where a recording is silent."""

from dataclasses import dataclass
from typing import Final

#: The largest absolute value of a sample that is silent, of 32,768: silence of A-law is 8, and codecs add a little.
SILENT: Final = 16
#: A shorter silence is one of speech.
MIN_SILENCE_MS: Final = 2000
#: Of one recording; the longest ones.
MAX_SILENCES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A part of a recording in which all channels are silent, in milliseconds from its beginning."""

    begin_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        """Return how long it is."""
        return self.end_ms - self.begin_ms
