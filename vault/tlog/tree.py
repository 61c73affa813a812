"""Appending to the tree: a frontier of O(log n) hashes, and the nodes that each leaf completes.

Node (level, index) is the root over the leaves [index << level, (index + 1) << level). It exists once all of them
exist, and never changes: a store writes each node once; level 0 is the leaf hashes. Roots and proofs are computed
from such nodes, in O(log n) reads.

A frontier is immutable. Appending returns a new one, so a writer discards it if its transaction fails and still has
the committed one. After a crash ``read_frontier`` rebuilds it from the stored size and nodes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from vault.tlog.hashing import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, node_hash

#: Returns the stored hash of node (level, index). Called only for complete nodes.
NodeReader = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The root of a perfect subtree, as stored."""

    #: 0 for a leaf; the subtree has ``1 << level`` leaves.
    level: int
    #: Counts the subtrees of this level from the left.
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The right edge of a tree: the hashes needed for appending."""

    #: Number of leaves.
    size: int = 0
    #: Roots of the perfect subtrees that make up the tree, the largest first: one per 1 bit in ``size``.
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Check that the number of peaks matches the size."""
        if not 0 <= self.size <= MAX_SIZE or len(self.peaks) != self.size.bit_count():
            raise ValueError("The number of peaks does not match the size.")

    def append(self, leaf: bytes) -> tuple["Frontier", tuple[Node, ...]]:
        """Append a leaf hash; return the new frontier and the nodes that became complete, lowest first.

        The first node is the leaf itself; one more follows for each trailing 1 bit of the old size.
        """
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes], *, every: int = 1) -> tuple["Frontier", tuple[Node, ...]]:
        """Append leaf hashes in order; return the new frontier and the nodes that became complete.

        Only nodes whose level is a multiple of ``every`` are returned, for a store without the other levels.
        """
        peaks, size, completed = list(self.peaks), self.size, list[Node]()
        for leaf in leaves:
            if len(leaf) != HASH_BYTES:
                raise ValueError(f"A leaf hash must have {HASH_BYTES} bytes.")
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

    def extend_node(self, node: Node) -> "Frontier":
        """Append all leaves of a complete subtree by its root; return the new frontier.

        The subtree must begin where this tree ends.
        """
        if node.index << node.level != self.size or len(node.hash) != HASH_BYTES:
            raise ValueError("The subtree does not begin at the end of the tree.")
        peaks, level, reached = list(self.peaks), node.level, node.hash
        while self.size >> level & 1:
            reached = node_hash(peaks.pop(), reached)
            level += 1
        return Frontier(size=self.size + (1 << node.level), peaks=(*peaks, reached))

    def root(self) -> bytes:
        """Return the root of the tree, MTH(D[size]) of RFC 6962, section 2.1."""
        return _fold(self.peaks)


def read_frontier(node: NodeReader, size: int) -> Frontier:
    """Return the frontier of the first ``size`` leaves, from stored nodes."""
    return Frontier(size=size, peaks=tuple(node(level, index) for level, index in _peaks(0, size)))


def cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (level, index) of the fewest complete nodes that make up the leaves [start, end), from left to right."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def root_at(node: NodeReader, start: int, end: int) -> bytes:
    """Return MTH(D[start:end]), for a range as RFC 6962 splits a tree of at least ``end`` leaves.

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
    """Hash peaks together from the right, since the smaller subtrees are on the right."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root
