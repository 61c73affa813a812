"""Finds digits that were keyed: pairs of tones of ITU-T Q.23, by their share of the energy of short windows.

A window of 25.6 ms is compared with each of the eight frequencies. In a keyed digit two of them, one of each group,
have nearly all of the energy, and about as much as each other (Q.24); in speech, harmonics and noise have the
rest. The share is lower where somebody speaks meanwhile: a sequence is looked for with a low limit, and trusted by a
high one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

_LOW: Final = (697.0, 770.0, 852.0, 941.0)
_HIGH: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS: Final = "123A456B789C*0#D"
#: Seconds of a window, and between the beginnings of two: 205 and 80 samples at 8 kHz.
_WINDOW: Final = 205 / 8000
_HOP: Final = 0.01
#: The share of a window's energy that the two tones have: to look at it at all, and to trust it.
SHARE: Final = 0.5
TRUSTED_SHARE: Final = 0.7
#: How much stronger one of the two may be, in energy: 8 dB to be trusted. A digit goes on up to 10 dB, so that one at
#: the limit is not taken for several.
_TRUSTED_TWIST: Final = 10**0.8
_TWIST: Final = 10**1.0
#: Instead of no energy at all.
_NOTHING: Final = 1e-30
#: The least energy of a window for each sample, of a full scale of 1: -48 dB.
_FAINTEST: Final = 10**-4.8
#: Windows in a row that are one digit, if one of them is trusted, and if none is: a vowel can look like a key for
#: 40 ms. A tone of 40 ms fills two windows to two thirds and more.
_LEAST: Final = 2
_LEAST_UNTRUSTED: Final = 3
#: Windows that are compared at once, so that memory stays constant.
_BATCH: Final = 4096


@dataclass(frozen=True, slots=True)
class Key:
    """A key that was pressed. It leaves this process in no form."""

    digit: str
    #: Seconds from the beginning of the recording.
    begin: float
    end: float
    is_trusted: bool


class KeyDetector:
    """Takes the samples of one channel, in constant memory."""

    def __init__(self, sample_rate: int) -> None:
        """Start without samples; ``sample_rate`` in Hz."""
        self._length, self._hop = round(sample_rate * _WINDOW), round(sample_rate * _HOP)
        self._rate = sample_rate
        times = np.arange(self._length) / sample_rate
        angles = 2 * np.pi * np.outer(times, (*_LOW, *_HIGH))
        #: The real and imaginary part for each frequency: shape (samples of a window, 16).
        self._waves = np.hstack([np.cos(angles), np.sin(angles)]).astype(np.float32)
        self._waiting = np.empty(0, np.float32)
        #: The number of the first window that waits.
        self._number = 0
        #: The key of the windows that came last, or None, the number of the first of them, and whether one is trusted.
        self._key, self._since, self._trusted = -1, 0, False
        #: Keys that ended and were not returned yet.
        self._keys: list[Key] = []

    def add(self, samples: npt.NDArray[np.int16]) -> list[Key]:
        """Add the next samples of the channel, and return the keys that ended in them."""
        waiting = np.concatenate([self._waiting, samples.astype(np.float32) / 32768])
        count = max(0, (len(waiting) - self._length) // self._hop + 1)
        for first in range(0, count, _BATCH):
            batch = min(_BATCH, count - first)
            self._compare(waiting[first * self._hop :], batch)
        self._waiting = waiting[count * self._hop :].copy()
        return self._taken()

    def end(self) -> list[Key]:
        """Return the key that the last samples had, if any; no samples may follow."""
        self._close()
        return self._taken()

    def _taken(self) -> list[Key]:
        keys, self._keys = self._keys, []
        return keys

    def _compare(self, samples: npt.NDArray[np.float32], count: int) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(samples, self._length)[:: self._hop][:count]
        energy = np.einsum("ij,ij->i", windows, windows)
        loud = np.flatnonzero(energy > _FAINTEST * self._length)
        keys, trusted = np.full(count, -1), np.zeros(count, bool)
        if len(loud):
            parts = windows[loud] @ self._waves
            # Of a tone of amplitude a, |X|^2 is (a n / 2)^2 and its energy a^2 n / 2.
            tones = (parts[:, :8] ** 2 + parts[:, 8:] ** 2) * (2 / self._length)
            low, high = tones[:, :4], tones[:, 4:]
            row, column = low.argmax(axis=1), high.argmax(axis=1)
            lowest, highest = low.max(axis=1), high.max(axis=1)
            share = (lowest + highest) / energy[loud]
            twist = np.maximum(lowest, highest) / np.maximum(np.minimum(lowest, highest), _NOTHING)
            found = (share >= SHARE) & (twist <= _TWIST)
            keys[loud[found]] = (4 * row + column)[found]
            trusted[loud] = found & (share >= TRUSTED_SHARE) & (twist <= _TRUSTED_TWIST)
        for number in np.flatnonzero(np.diff(keys, prepend=self._key)):
            self._change(int(keys[number]), self._number + int(number), trusted)
        if self._key >= 0:
            begin = max(self._since - self._number, 0)
            self._trusted |= bool(trusted[begin:].any())
        self._number += count

    def _change(self, key: int, number: int, trusted: npt.NDArray[np.bool_]) -> None:
        """End the key of the windows before ``number``, and begin another or none."""
        if self._key >= 0:
            begin, end = max(self._since - self._number, 0), number - self._number
            self._trusted |= bool(trusted[begin:end].any())
        self._close(number)
        self._key, self._since, self._trusted = key, number, False

    def _close(self, number: int | None = None) -> None:
        last = self._number if number is None else number
        if self._key >= 0 and last - self._since >= (_LEAST if self._trusted else _LEAST_UNTRUSTED):
            begin = self._since * self._hop / self._rate
            end = ((last - 1) * self._hop + self._length) / self._rate
            self._keys.append(Key(_KEYS[self._key], begin, end, self._trusted))
        self._key = -1
