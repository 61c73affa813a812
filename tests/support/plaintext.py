"""A source and a sink in memory, which police the port's rules and can fail."""

import asyncio
from dataclasses import dataclass, field


@dataclass
class Source:
    """An AudioSource over bytes. ``failure`` is raised at the read with that number, from 0."""

    data: bytes
    failure: Exception | None = None
    fail_at: int = 0
    #: Set once somebody reads; reads then wait for ``gate`` if there is one.
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    ranges: list[tuple[int, int]] = field(default_factory=list)

    @property
    def size(self):
        """Return the number of bytes."""
        return len(self.data)

    async def read(self, start, end):
        """Return the bytes [start, end)."""
        assert 0 <= start < end <= self.size
        self.reading.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None and len(self.ranges) >= self.fail_at:
            raise self.failure
        self.ranges.append((start, end))
        return self.data[start:end]

    @property
    def whole(self):
        """Say whether every byte was read at least once."""
        reached = 0
        for start, end in sorted(self.ranges):
            if start > reached:
                return False
            reached = max(reached, end)
        return reached == self.size


@dataclass
class Sink:
    """A RenditionSink that keeps what it gets. ``failure`` is raised at the first write."""

    failure: Exception | None = None
    data: bytearray = field(default_factory=bytearray)

    async def write(self, block):
        """Keep the block."""
        assert block
        if self.failure is not None:
            raise self.failure
        self.data += block
