"""Looking at sound: levels, frequencies, and where there is silence."""

import io
import math
import subprocess
import wave

import numpy as np

RATE = 8000


def samples_of(pcm):
    """Return PCM16 bytes as floats."""
    return np.frombuffer(pcm, "<i2").astype(float)


def level(samples):
    """Return the root mean square in dBFS."""
    return 20 * math.log10(math.sqrt(np.mean(samples**2)) / 32768)


def peak(samples):
    """Return the highest sample in dBFS."""
    return 20 * math.log10(np.abs(samples).max() / 32768)


def pitch(samples):
    """Return the strongest frequency in hertz, to the nearest tenth."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), n=10 * RATE))
    return float(spectrum.argmax()) / 10


def part(samples, start, seconds):
    """Return the samples from ``start``, in seconds, on."""
    first = round(start * RATE)
    return samples[first : first + round(seconds * RATE)]


def streamed(text, voice="en"):
    """Return what espeak-ng writes into a pipe: a WAV file whose sizes are made up."""
    command = ["espeak-ng", "-v", voice, "--stdout", text]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def spoken(text, voice="en"):
    """Return what espeak-ng says as a WAV file, with sizes that are true."""
    with wave.open(io.BytesIO(streamed(text, voice))) as file:
        rate, frames = file.getframerate(), file.readframes(file.getnframes())
    output = io.BytesIO()
    with wave.open(output, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(frames)
    return output.getvalue()
