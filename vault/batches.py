"""Sequences in parts of limited size, for statements and requests that must not grow with what they are about."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield the items in order, ``size`` at a time; the last batch may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def batches_of(items: AsyncIterator[Item], size: int) -> AsyncIterator[Sequence[Item]]:
    """Yield the same of items that come one after the other."""
    batch: list[Item] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
