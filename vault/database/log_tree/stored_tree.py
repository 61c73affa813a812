"""How the tree is stored, for both sequencers and for readers."""

from collections.abc import Callable, Sequence

from vault.errors import Tampered
from vault.tlog.hashing import HASH_BYTES, node_hash
from vault.tlog.tree import Frontier

#: Nodes are stored at every eighth level: one for the 256 below it.
STEP = 8

#: Gives the stored hashes of a stored level from one index to another, as many as there are.
HashReader = Callable[[int, int, int], Sequence[bytes]]


def frontier_of(size: int, root: bytes, peaks: bytes) -> Frontier:
    """Return the right edge from the row of the head. Raises Tampered if the row contradicts itself."""
    try:
        frontier = Frontier(
            size=size,
            peaks=tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)),
        )
    except ValueError:
        raise Tampered("The peaks of the access log do not belong to its size.") from None
    if frontier.root() != root:
        raise Tampered("The peaks of the access log do not lead to its root.")
    return frontier


def node_of(hashes: HashReader, level: int, index: int) -> bytes:
    """Return the hash of a complete node, made of stored ones. Raises Tampered if one is missing."""
    above = level % STEP
    found = list(hashes(level - above, index << above, (index + 1) << above))
    if len(found) != 1 << above:
        raise Tampered(f"Node {index} of level {level} of the access log is missing, or a part of it.")
    while len(found) > 1:
        found = [node_hash(left, right) for left, right in zip(found[::2], found[1::2], strict=True)]
    return found[0]
