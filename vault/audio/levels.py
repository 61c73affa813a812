"""Bringing speech to a level: as loud on average as is wanted, and nowhere above the peak that lines bear.

Speech has peaks up to 20 dB above its average, so gain alone cannot do both. Where a peak would be too high
the gain is lowered for some milliseconds around it, and the whole is raised again by what that took.
"""

import math

import numpy as np
import numpy.typing as npt

from vault.domain.notices.audio import PEAK_DBFS

Signal = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]

FULL_SCALE = 32768.0
#: The highest sample there may be.
_CEILING = np.floor(FULL_SCALE * 10 ** (PEAK_DBFS / 20))
#: Samples that share a gain: 10 ms.
_BLOCK = 80
#: dB from the wanted level that count as reached.
_NEAR = 0.1
_ROUNDS = 20
#: Raised by more than this (in dB), what is left between the words would be heard as noise.
_MAX_GAIN_DB = 45.0


def level_dbfs(samples: Samples) -> float:
    """Return the root mean square in dB below full scale; minus infinity for silence."""
    return _level(samples.astype(np.float64))


def levelled(samples: Samples, target: float) -> Samples:
    """Return the samples at ``target`` dBFS, none of them above PEAK_DBFS. There must be sound in them."""
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
    """Lower what is above the ceiling.

    Each block has the gain that its highest sample needs. At the edge between two blocks the lower of their
    gains holds, and between the edges it runs straight: so it is nowhere above what the block needs, and
    nowhere jumps.
    """
    padded = np.pad(np.abs(signal), (0, -len(signal) % _BLOCK)).reshape(-1, _BLOCK)
    needed = _CEILING / np.maximum(padded.max(axis=1), _CEILING)
    edges = np.concatenate([needed[:1], np.minimum(needed[:-1], needed[1:]), needed[-1:]])
    places = np.arange(len(signal)) / _BLOCK
    lowered: Signal = signal * np.interp(places, np.arange(len(edges)), edges)
    return lowered
