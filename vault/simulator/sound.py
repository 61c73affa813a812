"""The audio of the simulated account's notice: three tones instead of speech."""

import io
import math
import struct
import wave

_RATE, _SECONDS, _LEVEL = 8000, 0.4, 9000
_HERTZ = (440.0, 550.0, 660.0)


def chime() -> bytes:
    """Generate a WAV file: 8 kHz, one channel, PCM16, a little over a second."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        for hertz in _HERTZ:
            samples = (
                round(_LEVEL * math.sin(2 * math.pi * hertz * n / _RATE))
                for n in range(round(_SECONDS * _RATE))
            )
            file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return out.getvalue()
