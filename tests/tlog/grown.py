"""A tree grown leaf by leaf, its nodes kept as a database keeps them: each written once."""

from base64 import b64encode

from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier


class Grown:
    """Frontier and nodes of some leaves; counts the reads of nodes."""

    def __init__(self, leaves):
        self.frontier = Frontier()
        self.nodes = {}
        self.reads = 0
        for leaf in leaves:
            self.append(leaf)

    def append(self, leaf):
        """Append a leaf; fail if a node that exists is written again."""
        self.frontier, nodes = self.frontier.append(leaf_hash(leaf))
        for node in nodes:
            assert (node.level, node.index) not in self.nodes
            self.nodes[node.level, node.index] = node.hash

    def node(self, level, index):
        """Read a node; a KeyError for one that is not complete."""
        self.reads += 1
        return self.nodes[level, index]


def numbered(count):
    """Return leaves that differ from each other, the first of them empty."""
    return [bytes([i % 256, i // 256])[: i and 2] for i in range(count)]


def write_hash(index: int, hashed: bytes) -> bytes:
    """Encode the line of a leaf of which only the hash is disclosed, as earlier releases wrote it for an account."""
    return f"hash {index} {b64encode(hashed).decode()}\n".encode()
