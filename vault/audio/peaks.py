"""Minimum and maximum values of a signal of unknown length, in bounded memory.

The length is known only after the last sample. So values are collected per block of samples;
when the blocks reach CAPACITY, neighbours are merged and the block length is doubled.
At the end at least ``CAPACITY / 2`` blocks are divided into ``BUCKETS`` buckets: an edge is off by at most one block,
1.6 % of a bucket. Below ``CAPACITY`` samples every block is one sample and the edges are exact.
"""

import numpy as np
import numpy.typing as npt

from vault.domain.recordings.media import BUCKETS

#: Maximum number of blocks: 1 MiB for two channels.
CAPACITY = 1 << 17

Samples = npt.NDArray[np.int16]


class Peaks:
    """Computes BUCKETS pairs per channel from blocks of samples."""

    def __init__(self, channels: int) -> None:
        """Start with blocks of one sample."""
        #: Samples per block, a power of two.
        self.width = 1
        self.count = 0
        self.low = np.empty((CAPACITY, channels), np.int16)
        self.high = np.empty((CAPACITY, channels), np.int16)
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
            blocks = samples[start:end].reshape(whole, self.width, -1)
            self.low[self.count : self.count + whole] = blocks.min(axis=1)
            self.high[self.count : self.count + whole] = blocks.max(axis=1)
            self.count += whole
            start = end
        self.tail = samples[start:].copy()

    def _halve(self) -> None:
        """Merge neighbouring blocks, which frees half of the arrays."""
        self.count = CAPACITY // 2
        channels = self.low.shape[1]
        self.low[: self.count] = self.low.reshape(self.count, 2, channels).min(axis=1)
        self.high[: self.count] = self.high.reshape(self.count, 2, channels).max(axis=1)
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
