"""A log as static files (c2sp.org/tlog-tiles): which files a tree of one size has, and their paths and bytes.

A tile holds the hashes of up to 256 neighbours of one level; levels are eight apart. An entry bundle
holds the leaves below a tile of level 0. A file that is full never changes again; one that is not full
has its width in its path, so it never changes either.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vault.errors import Tampered

#: Hashes of a full tile, and leaves of a full bundle.
WIDTH = 256
#: Levels of the tree between a tile and the one above it.
HEIGHT = 8
_LENGTH = struct.Struct(">H")
#: Bytes of the longest leaf that a bundle can hold.
MAX_LEAF_BYTES = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile; with level 0 it names a bundle of leaves too."""

    #: Counts tiles, from the leaves up: the hashes are the tree's nodes of level ``8 * level``.
    level: int
    #: Counts the tiles of this level from the left.
    index: int
    #: How many hashes there are, from 1 to 256.
    width: int

    @property
    def start(self) -> int:
        """Return the index of its first hash among those of its level."""
        return self.index * WIDTH

    @property
    def path(self) -> str:
        """Return the path of the hashes, below the prefix of the log."""
        return f"tile/{self.level}/{self._place}"

    @property
    def bundle_path(self) -> str:
        """Return the path of the leaves below a tile of level 0."""
        return f"tile/entries/{self._place}"

    @property
    def full(self) -> bool:
        """Return whether nothing more comes to it."""
        return self.width == WIDTH

    @property
    def _place(self) -> str:
        digits = f"{self.index:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        place = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
        return place if self.full else f"{place}.p/{self.width}"


def grown_tiles(old_size: int, size: int) -> Iterator[Tile]:
    """Yield the tiles that a tree of ``size`` leaves has and one of ``old_size`` had not, lowest level first."""
    level = 0
    while old_size < size:
        for index in range(old_size // WIDTH, -(-size // WIDTH)):
            yield Tile(level=level, index=index, width=min(WIDTH, size - index * WIDTH))
        old_size, size, level = old_size // WIDTH, size // WIDTH, level + 1


def write_bundle(leaves: Sequence[bytes]) -> bytes:
    """Return the leaves as a bundle: each after its length, 16 bits, big-endian."""
    if any(len(leaf) > MAX_LEAF_BYTES for leaf in leaves):
        raise ValueError(f"A leaf of a bundle has at most {MAX_LEAF_BYTES} bytes.")
    return b"".join(_LENGTH.pack(len(leaf)) + leaf for leaf in leaves)


def read_bundle(data: bytes) -> list[bytes]:
    """Return the leaves of a bundle. Raises Tampered if its lengths do not add up."""
    leaves, at = [], 0
    while at < len(data):
        start = at + _LENGTH.size
        if start > len(data):
            raise Tampered("The bundle ends within a length.")
        end = start + _LENGTH.unpack_from(data, at)[0]
        if end > len(data):
            raise Tampered("The bundle ends within a leaf.")
        leaves.append(data[start:end])
        at = end
    return leaves
