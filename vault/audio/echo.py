"""Finds an echo: the voice of one channel, delayed and faint, in the other channel.

An echo has the same delay for the whole call, while two people who talk have nothing in common at any delay. So windows
of both channels are correlated by the generalized cross-correlation with phase transform (Knapp and Carter, 1976),
which gives each frequency the same weight, and the windows are summed up: a delay that returns stands out.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy import fft

from vault.audio.peaks import Samples

#: Channels that are compared with each other.
CHANNELS: Final = 2
#: Samples a second at which channels are compared, about: telephones transmit no voice above half of it.
_RATE: Final = 8000
#: Samples of a window, and the longest delay: one second and half of it at 8 kHz, three quarters of that at 11 kHz.
_WINDOW: Final = 8192
_LONGEST: Final = 4096
#: Length of the transform: long enough that no delay wraps around.
_SIZE: Final = 16384
#: Root mean squares below which a window is silence, and below which nothing can be in a channel, of 32,768.
_SILENT: Final = 50.0
_EMPTY: Final = 2.0
#: A peak is an echo if it is so many standard deviations high, and has this share of the frequencies. Without an echo
#: the highest of 4,096 delays is near 4; hum that both channels have is a few frequencies.
_DEVIATIONS: Final = 8.0
_SHARE: Final = 0.01
#: The standard deviation of a normal distribution by its median absolute deviation.
_BY_MEDIAN: Final = 1.4826


class EchoDetector:
    """Takes the samples of two channels, in constant memory."""

    def __init__(self, sample_rate: int) -> None:
        """Start without samples; ``sample_rate`` in Hz."""
        self._factor = max(1, sample_rate // _RATE)
        self._waiting: Samples = np.empty((0, CHANNELS), np.int16)
        #: For each channel the sum of its weighted cross spectra with the other one, and their number.
        self._spectra = np.zeros((_SIZE // 2 + 1, CHANNELS), np.complex128)
        self._windows = np.zeros(CHANNELS, np.int64)

    def add(self, block: bytes) -> None:
        """Add the next samples: PCM16, interleaved."""
        waiting = np.concatenate([self._waiting, np.frombuffer(block, "<i2").reshape(-1, CHANNELS)])
        step, whole = (count * self._factor for count in (_WINDOW, _WINDOW + _LONGEST))
        start = 0
        while start + whole <= len(waiting):
            self._add_window(waiting[start : start + whole])
            start += step
        self._waiting = waiting[start:].copy()

    def detect(self) -> tuple[bool, bool]:
        """Return for each channel whether it has an echo of the other one; no samples may follow.

        Nothing is found in less than a window: what two voices have in common by chance is too much there.
        """
        whole = len(self._waiting) // self._factor
        if whole >= _WINDOW:
            self._add_window(self._waiting[: whole * self._factor])
        return self._has_echo(0), self._has_echo(1)

    def _add_window(self, samples: Samples) -> None:
        signal = samples.reshape(-1, self._factor, CHANNELS).mean(axis=1)
        signal -= signal.mean(axis=0)
        window = signal[:_WINDOW]
        loud = np.sqrt(np.mean(window**2, axis=0)) >= _SILENT
        used = loud[::-1] & (np.sqrt(np.mean(signal**2, axis=0)) >= _EMPTY)
        if not used.any():
            return
        window, signal = window * _taper(_WINDOW), signal * _taper(len(signal))
        cross = np.conj(fft.rfft(window, _SIZE, axis=0))[:, ::-1] * fft.rfft(signal, _SIZE, axis=0)
        self._spectra += used * cross / np.maximum(np.abs(cross), np.finfo(np.float64).tiny)
        self._windows += used

    def _has_echo(self, channel: int) -> bool:
        if not self._windows[channel]:
            return False
        by_delay: npt.NDArray[np.float64] = fft.irfft(self._spectra[:, channel])[:_LONGEST]
        by_delay = np.abs(by_delay / self._windows[channel])
        deviation = _BY_MEDIAN * float(np.median(by_delay))
        return float(np.max(by_delay)) > max(_DEVIATIONS * deviation, _SHARE)


@lru_cache(maxsize=4)
def _taper(length: int) -> npt.NDArray[np.float64]:
    """Return the factors of a window's samples; without them hum would be in all frequencies."""
    return np.hanning(length)[:, np.newaxis]
