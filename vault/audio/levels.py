"""Normalizes speech to a level: the requested root mean square, with no peak above the limit of telephone lines.

Speech has peaks up to 20 dB above its average, so gain alone cannot do both. Around a peak that would be too high
the gain is lowered for some milliseconds, and the overall gain is raised to compensate.
"""

import math

import numpy as np
import numpy.typing as npt

from vault.domain.notices.audio import PEAK_DBFS

Signal = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]

FULL_SCALE = 32768.0
#: The maximum sample value.
_CEILING = np.floor(FULL_SCALE * 10 ** (PEAK_DBFS / 20))
#: Samples with the same gain: 10 ms.
_BLOCK = 80
#: Tolerance of the level in dB.
_NEAR = 0.1
_ROUNDS = 20
#: Maximum gain in dB: more would make the background noise between the words audible.
_MAX_GAIN_DB = 45.0


def level_dbfs(samples: Samples) -> float:
    """Return the root mean square in dB below full scale; minus infinity for silence."""
    return _level(samples.astype(np.float64))


def levelled(samples: Samples, target: float) -> Samples:
    """Return the samples at ``target`` dBFS, none above PEAK_DBFS. They must not be silent."""
    signal, gain = samples.astype(np.float64), 0.0
    for _ in range(_ROUNDS):
        limited = _limited(signal * 10 ** (gain / 20))
        missing = target - _level(limited)
        if abs(missing) <= _NEAR or gain + missing > _MAX_GAIN_DB:
            break
        gain += missing
    return np.rint(limited).astype(np.int16)


def _level(signal: Signal) -> float:
    power = float(np.mean(signal**2)) if len(signal) else 0.0
    return 10 * math.log10(power / FULL_SCALE**2) if power else -math.inf


def _limited(signal: Signal) -> Signal:
    """Lower the gain where samples exceed the ceiling.

    Each block needs the gain of its highest sample. At the edge between two blocks the lower of their
    gains applies, and between edges it is interpolated: so the gain never exceeds what the block needs, and
    never jumps.
    """
    padded = np.pad(np.abs(signal), (0, -len(signal) % _BLOCK)).reshape(-1, _BLOCK)
    needed = _CEILING / np.maximum(padded.max(axis=1), _CEILING)
    edges = np.concatenate([needed[:1], np.minimum(needed[:-1], needed[1:]), needed[-1:]])
    places = np.arange(len(signal)) / _BLOCK
    lowered: Signal = signal * np.interp(places, np.arange(len(edges)), edges)
    return lowered
