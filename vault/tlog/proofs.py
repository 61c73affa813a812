"""Inclusion and consistency proofs: built from stored nodes, verified only from hashes.

Proofs are built as in RFC 6962 (sections 2.1.1 and 2.1.2). They are verified with the algorithms of RFC 9162
(sections 2.1.3.2 and 2.1.4.2), which are independent of the construction. A root does not determine the size of its
tree, so size and root must both be from a signed checkpoint, never from the proof.

Verification raises Tampered, which says what is wrong. A request for an impossible proof (an index outside the tree)
is a caller's error and raises ValueError.
"""

import hmac
from collections.abc import Iterator, Sequence

from vault.errors import Tampered
from vault.tlog.hashing import EMPTY_ROOT, HASH_BYTES, MAX_SIZE, node_hash
from vault.tlog.tree import NodeReader, root_at

#: Hashes of the longest inclusion proof: one per level of the largest tree.
MAX_PROOF_HASHES = MAX_SIZE.bit_length()


def inclusion_proof(node: NodeReader, index: int, size: int) -> tuple[bytes, ...]:
    """Return PATH(index, D[size]): the leaf's sibling first, the root's child last. At most O(log size) reads."""
    if not 0 <= index < size:
        raise ValueError("The index is outside the tree.")
    ranges, start, end = [], 0, size
    while end - start > 1:
        middle = _middle(start, end)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return tuple(root_at(node, *part) for part in reversed(ranges))


def consistency_proof(node: NodeReader, old_size: int, size: int) -> tuple[bytes, ...]:
    """Return PROOF(old_size, D[size]). It is empty if ``old_size`` is 0 or equals ``size``."""
    if not 0 <= old_size <= size:
        raise ValueError("The earlier tree is larger than the later one.")
    if old_size in (0, size):
        return ()
    ranges, start, end = [], 0, size
    while end != old_size:
        middle = _middle(start, end)
        if old_size <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        # Otherwise this subtree is the whole earlier tree, whose root the verifier already has.
        ranges.append((start, end))
    return tuple(root_at(node, *part) for part in reversed(ranges))


def verify_inclusion(*, index: int, size: int, leaf: bytes, root: bytes, proof: Sequence[bytes]) -> None:
    """Raise Tampered unless ``leaf``, a leaf hash, is at ``index`` in the tree with this size and root."""
    if not 0 <= index < size <= MAX_SIZE:
        raise Tampered("The index of the inclusion proof is outside the tree.")
    _check_hash_lengths("inclusion proof", leaf, root, *proof)
    reached = leaf
    for sibling, is_left in _path("inclusion proof", index, size - 1, proof):
        reached = node_hash(sibling, reached) if is_left else node_hash(reached, sibling)
    if not hmac.compare_digest(reached, root):
        raise Tampered("The inclusion proof does not lead from the leaf to the root.")


def verify_consistency(
    *, old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise Tampered unless the earlier tree is a prefix of the later one."""
    if not 0 <= old_size <= size <= MAX_SIZE:
        raise Tampered("The later tree has fewer leaves than the earlier one.")
    _check_hash_lengths("consistency proof", old_root, root, *proof)
    for leaves, claimed in ((old_size, old_root), (size, root)):
        if not leaves and not hmac.compare_digest(claimed, EMPTY_ROOT):
            raise Tampered("The root for size 0 is not the root of the empty tree.")
    if old_size not in (0, size):
        _verify_growth(old_size, old_root, size, root, proof)
        return
    if proof:
        raise Tampered("The consistency proof has too many hashes.")
    if old_size == size and not hmac.compare_digest(old_root, root):
        raise Tampered("Two trees of the same size have different roots.")


def _verify_growth(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Verify a consistency proof where 0 < old_size < size, by RFC 9162, section 2.1.4.2."""
    # A perfect earlier tree is itself the first subtree, which the proof omits.
    path = [old_root, *proof] if old_size.bit_count() == 1 else list(proof)
    if not path:
        raise Tampered("The consistency proof has too few hashes.")
    skipped = _trailing_zeros(old_size)
    position, last = (old_size - 1) >> skipped, (size - 1) >> skipped
    old_reached = reached = path[0]
    for sibling, is_left in _path("consistency proof", position, last, path[1:]):
        if is_left:
            old_reached, reached = node_hash(sibling, old_reached), node_hash(sibling, reached)
        else:
            reached = node_hash(reached, sibling)
    if not hmac.compare_digest(old_reached, old_root):
        raise Tampered("The consistency proof does not lead to the earlier root.")
    if not hmac.compare_digest(reached, root):
        raise Tampered("The consistency proof does not lead to the later root.")


def _path(name: str, position: int, last: int, siblings: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each sibling on the path to the root, and whether it is the left child. Raises Tampered.

    ``position`` is the index of the first node in its level, ``last`` that of the level's last node.
    """
    for sibling in siblings:
        if not last:
            raise Tampered(f"The {name} has too many hashes.")
        is_left = bool(position & 1) or position == last
        yield sibling, is_left
        # At the right edge a subtree without a sibling moves up unchanged.
        skipped = _trailing_zeros(position) if is_left else 0
        position, last = position >> skipped + 1, last >> skipped + 1
    if last:
        raise Tampered(f"The {name} has too few hashes.")


def _middle(start: int, end: int) -> int:
    """Return where RFC 6962 splits a range: after the largest power of two below its length."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def _trailing_zeros(number: int) -> int:
    """Return the number of trailing zero bits; 0 for 0."""
    return (number & -number).bit_length() - 1 if number else 0


def _check_hash_lengths(what: str, *hashes: bytes) -> None:
    """Refuse a hash of another length, which could be a concatenation of two hashes."""
    if any(len(item) != HASH_BYTES for item in hashes):
        raise Tampered(f"The {what} contains a hash that does not have {HASH_BYTES} bytes.")
