"""The three hashes of RFC 6962, section 2.1: of the empty tree, of a leaf, and of two subtrees.

Leaves and nodes are hashed with different first bytes, so that a node cannot be presented as a leaf or vice versa
(second preimages). All other hashes in this package are computed from these three.
"""

from hashlib import sha256

#: Length of every hash in the log.
HASH_BYTES = 32
#: The root of the empty tree: SHA-256 of no bytes.
EMPTY_ROOT = sha256().digest()
#: Maximum number of leaves. Sizes and indexes fit a database's signed 64-bit integer.
MAX_SIZE = 2**63 - 1


def leaf_hash(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 || leaf), the hash of a leaf's exact bytes."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right), the hash over two subtrees of 32 bytes each."""
    return sha256(b"\x01" + left + right).digest()
