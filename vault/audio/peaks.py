"""Minimum and maximum values, and the loudness, of a signal of unknown length, in bounded memory.

The length is known only after the last sample. So values are collected per block of samples;
when the blocks reach CAPACITY, neighbours are merged and the block length is doubled.
At the end at least ``CAPACITY / 2`` blocks are divided into ``BUCKETS`` buckets: an edge is off by at most one block,
1.6 % of a bucket. Below ``CAPACITY`` samples every block is one sample and the edges are exact.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vault.domain.recordings.media import BUCKETS
from vault.domain.recordings.silence import MAX_SILENCES, MIN_SILENCE_MS, SILENT, Silence

#: Maximum number of blocks: 1 MiB for two channels.
CAPACITY = 1 << 17

Samples = npt.NDArray[np.int16]
_Values = TypeVar("_Values", npt.NDArray[np.int16], npt.NDArray[np.float32])


#: Of a signed 16-bit sample, and of a stored loudness.
_FULL_SCALE, _LOUDEST = 32768, 255


class Peaks:
    """Computes BUCKETS pairs per channel, and the loudness, from blocks of samples."""

    def __init__(self, channels: int) -> None:
        """Start with blocks of one sample."""
        #: Samples per block, a power of two.
        self.width = 1
        self.count = 0
        self.low = np.empty((CAPACITY, channels), np.int16)
        self.high = np.empty((CAPACITY, channels), np.int16)
        #: Sums of the squares: 1 MiB for two channels. Single precision, since a point is stored in 8 bits.
        self.power = np.empty((CAPACITY, channels), np.float32)
        #: Samples of the incomplete last block: shape (fewer than width, channels).
        self.tail = np.empty((0, channels), np.int16)

    def add(self, samples: Samples) -> None:
        """Add the next samples: shape (samples, channels)."""
        if len(self.tail):
            samples = np.concatenate([self.tail, samples])
        start = 0
        while len(samples) - start >= self.width:
            if self.count == CAPACITY:
                self._halve()
                continue
            whole = min((len(samples) - start) // self.width, CAPACITY - self.count)
            end = start + whole * self.width
            blocks = slice(self.count, self.count + whole)
            self.low[blocks] = _reduced(samples[start:end], self.width, np.minimum)
            self.high[blocks] = _reduced(samples[start:end], self.width, np.maximum)
            self.power[blocks] = _reduced(_squares(samples[start:end]), self.width, np.add)
            self.count += whole
            start = end
        self.tail = samples[start:].copy()

    def _halve(self) -> None:
        """Merge neighbouring blocks, which frees half of the arrays."""
        self.count = CAPACITY // 2
        self.low[: self.count] = _reduced(self.low, 2, np.minimum)
        self.high[: self.count] = _reduced(self.high, 2, np.maximum)
        self.power[: self.count] = _reduced(self.power, 2, np.add)
        self.width *= 2

    def result(self) -> tuple[bytes, ...]:
        """Return one entry per channel: BUCKETS pairs (minimum, maximum) of signed bytes.

        At least one sample must have been added. A signal of fewer than BUCKETS samples repeats them.
        """
        low, high = self.low[: self.count], self.high[: self.count]
        if len(self.tail):
            low = np.concatenate([low, self.tail.min(axis=0, keepdims=True)])
            high = np.concatenate([high, self.tail.max(axis=0, keepdims=True)])
        edges = np.arange(BUCKETS) * len(low) // BUCKETS
        # For two equal edges, reduceat returns the value at the edge, as needed for a short signal.
        pairs = np.stack([np.minimum.reduceat(low, edges), np.maximum.reduceat(high, edges)], axis=1)
        rounded = np.clip((pairs.astype(np.int32) + 128) >> 8, -128, 127).astype(np.int8)
        return tuple(rounded[:, :, channel].tobytes() for channel in range(rounded.shape[2]))

    def silences(self, sample_rate: int) -> tuple[Silence, ...]:
        """Return where all channels are silent for MIN_SILENCE_MS and more: the MAX_SILENCES longest, in order.

        As of ``result``, an edge is off by at most one block: half a second in 10 hours at 8 kHz.
        """
        low, high = self.low[: self.count], self.high[: self.count]
        silent = np.all((low >= -SILENT) & (high <= SILENT), axis=1)
        runs = (
            Silence(
                begin_ms=begin * self.width * 1000 // sample_rate,
                end_ms=end * self.width * 1000 // sample_rate,
            )
            for begin, end in _runs(silent)
        )
        found = sorted(
            (run for run in runs if run.length_ms >= MIN_SILENCE_MS), key=lambda run: -run.length_ms
        )
        return tuple(sorted(found[:MAX_SILENCES], key=lambda run: run.begin_ms))

    def loudness(self, points: int) -> tuple[bytes, ...]:
        """Return one entry per channel: ``points`` root mean squares as unsigned bytes, 255 is full scale.

        As of ``result``, an edge is off by at most one block, an eighth of a point; short signals repeat samples.
        """
        power, lengths = self.power[: self.count].astype(np.float64), np.full(self.count, float(self.width))
        if len(self.tail):
            power = np.concatenate([power, _squares(self.tail).sum(axis=0, keepdims=True, dtype=np.float64)])
            lengths = np.append(lengths, len(self.tail))
        edges = np.arange(points) * len(power) // points
        means = np.add.reduceat(power, edges) / np.add.reduceat(lengths, edges)[:, None]
        levels = np.minimum(np.rint(np.sqrt(means) * (_LOUDEST / _FULL_SCALE)), _LOUDEST).astype(np.uint8)
        return tuple(levels[:, channel].tobytes() for channel in range(levels.shape[1]))


def _runs(silent: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first block of each run of silent ones, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _squares(samples: Samples) -> npt.NDArray[np.float32]:
    return np.square(samples, dtype=np.float32)


def _reduced(samples: _Values, width: int, function: np.ufunc) -> _Values:
    """Reduce every ``width`` samples, a power of two, to one; shape (samples, channels).

    By halves and by channel: NumPy reduces a short axis, and an array with two columns, many times more slowly.
    """
    columns = []
    for channel in range(samples.shape[1]):
        column, left = samples[:, channel], width
        while left > 1:
            column, left = function(column[0::2], column[1::2]), left // 2
        columns.append(column)
    return np.stack(columns, axis=1)
