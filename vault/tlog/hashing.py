"""The three hashes of RFC 6962, section 2.1: of no leaves, of a leaf, and of two subtrees.

Leaf and node have different first bytes, so that no node can be shown as a leaf or the other way
round (second preimages). Everything else in this package is made of these three.
"""

from hashlib import sha256

#: Bytes of every hash in the log.
HASH_BYTES = 32
#: The root of the tree without leaves: SHA-256 of nothing.
EMPTY_ROOT = sha256().digest()
#: Leaves of the largest tree. Sizes and indexes fit the signed 64 bits of a database.
MAX_SIZE = 2**63 - 1


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 || leaf), the hash of a leaf's exact bytes."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the hash over two subtrees of 32 bytes each."""
    return sha256(b"\x01" + left + right).digest()
