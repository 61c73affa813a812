"""The tree while it grows: a frontier of O(log n) hashes, and the nodes that each leaf completes.

Node (level, index) is the root over the leaves [index << level, (index + 1) << level). It exists
once all of them do, and never changes again: a store keeps nodes write-once, level 0 being the leaf
hashes. Roots and proofs are made of such nodes alone, in O(log n) reads.

A frontier is a value. Appending gives another, so a writer can drop the new one when its
transaction fails, and what was committed before still stands. After a crash ``read_frontier`` makes
it again from the stored size and nodes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vault.tlog.hashing import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, node_hash

#: Gives the stored hash of node (level, index). Asked only for nodes that are complete.
NodeReader = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The root of a perfect subtree, as it is stored."""

    #: 0 for a leaf; the subtree has ``1 << level`` leaves.
    level: int
    #: Counts the subtrees of this level from the left.
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The right edge of a tree: all that is needed to go on appending."""

    #: How many leaves there are.
    size: int = 0
    #: Roots of the perfect subtrees that make up the tree, the largest first: one for each 1 in ``size``.
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a number of peaks that does not belong to the size."""
        if not 0 <= self.size <= MAX_SIZE or len(self.peaks) != self.size.bit_count():
            raise ValueError("The peaks do not belong to the size.")

    def append(self, leaf: bytes) -> tuple["Frontier", tuple[Node, ...]]:
        """Return the frontier after one more leaf hash, and the nodes it completes, lowest first.

        The first node is the leaf itself; another follows for each 1 at the end of the old size.
        """
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes], *, every: int = 1) -> tuple["Frontier", tuple[Node, ...]]:
        """Append several leaf hashes, in their order; return the nodes that became complete.

        With ``every`` only those whose level is a multiple of it, for a store that keeps no others.
        """
        peaks, size, completed = list(self.peaks), self.size, list[Node]()
        for leaf in leaves:
            if len(leaf) != HASH_BYTES:
                raise ValueError(f"A leaf hash has {HASH_BYTES} bytes.")
            reached, level = leaf, 0
            while True:
                if level % every == 0:
                    completed.append(Node(level=level, index=size >> level, hash=reached))
                if not size >> level & 1:
                    break
                reached = node_hash(peaks.pop(), reached)
                level += 1
            peaks.append(reached)
            size += 1
        return Frontier(size=size, peaks=tuple(peaks)), tuple(completed)

    def root(self) -> bytes:
        """Return the root of the tree, MTH(D[size]) of RFC 6962, section 2.1."""
        return _fold(self.peaks)


def read_frontier(node: NodeReader, size: int) -> Frontier:
    """Return the frontier of the first ``size`` leaves, from stored nodes."""
    return Frontier(size=size, peaks=tuple(node(level, index) for level, index in _peaks(0, size)))


def root_at(node: NodeReader, start: int, end: int) -> bytes:
    """Return MTH(D[start:end]), for a range that RFC 6962 cuts out of a tree of ``end`` leaves or more.

    Such a range begins at a multiple of the smallest power of two that is not below its length.
    """
    return _fold(tuple(node(level, index) for level, index in _peaks(start, end)))


def _peaks(start: int, end: int) -> Iterable[tuple[int, int]]:
    """Yield (level, index) of the perfect subtrees of a range, from left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _fold(peaks: tuple[bytes, ...]) -> bytes:
    """Join peaks from the right, for the smaller subtrees hang below the larger ones."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root
