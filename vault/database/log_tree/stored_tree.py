"""The storage format of the tree, for both sequencers and for readers."""

from collections.abc import Callable, Sequence

from vault.errors import Tampered
from vault.tlog.hashing import HASH_BYTES, node_hash
from vault.tlog.tree import Frontier

#: Nodes are stored at every eighth level: one per 256 nodes of the stored level below.
STEP = 8

#: Takes a stored level and a range of indexes [start, end); returns the stored hashes, fewer if some are missing.
HashReader = Callable[[int, int, int], Sequence[bytes]]


def frontier_of(size: int, root: bytes, peaks: bytes) -> Frontier:
    """Return the frontier from the row of the head. Raises Tampered if the row is inconsistent."""
    try:
        frontier = Frontier(
            size=size,
            peaks=tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)),
        )
    except ValueError:
        raise Tampered("The peaks of the access log do not match its size.") from None
    if frontier.root() != root:
        raise Tampered("The peaks of the access log do not match its root.")
    return frontier


def node_of(hashes: HashReader, level: int, index: int) -> bytes:
    """Compute the hash of a complete node from stored ones. Raises Tampered if one is missing."""
    above = level % STEP
    nodes = list(hashes(level - above, index << above, (index + 1) << above))
    if len(nodes) != 1 << above:
        raise Tampered(f"Node {index} of level {level} of the access log, or a node below it, is missing.")
    while len(nodes) > 1:
        nodes = [node_hash(left, right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]
    return nodes[0]
