"""A log as static files (c2sp.org/tlog-tiles): the files of a tree at one size, their paths and their bytes.

A tile has up to 256 adjacent hashes of one level; tile levels are eight tree levels apart. An entry bundle has the
leaves of a tile of level 0. A full file never changes; a partial one has its width in its path, so it never changes
either.
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
#: Maximum length of a leaf in a bundle.
MAX_LEAF_BYTES = 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One tile; a tile of level 0 also has a bundle of leaves."""

    #: Tile level: the hashes are the tree's nodes of level ``8 * level``.
    level: int
    #: Counts the tiles of this level from the left.
    index: int
    #: Number of hashes, from 1 to 256.
    width: int

    @property
    def start(self) -> int:
        """Return the index of its first hash in its level."""
        return self.index * WIDTH

    @property
    def path(self) -> str:
        """Return the path of the hashes, relative to the prefix of the log."""
        return f"tile/{self.level}/{self._place}"

    @property
    def bundle_path(self) -> str:
        """Return the path of the leaf bundle of a tile of level 0."""
        return f"tile/entries/{self._place}"

    @property
    def full(self) -> bool:
        """Return whether it has all 256 hashes."""
        return self.width == WIDTH

    @property
    def _place(self) -> str:
        digits = f"{self.index:03}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        place = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
        return place if self.full else f"{place}.p/{self.width}"


def grown_tiles(old_size: int, size: int) -> Iterator[Tile]:
    """Yield the tiles that a tree of ``size`` leaves has and one of ``old_size`` does not, lowest level first."""
    level = 0
    while old_size < size:
        for index in range(old_size // WIDTH, -(-size // WIDTH)):
            yield Tile(level=level, index=index, width=min(WIDTH, size - index * WIDTH))
        old_size, size, level = old_size // WIDTH, size // WIDTH, level + 1


def write_bundle(leaves: Sequence[bytes]) -> bytes:
    """Encode the leaves as a bundle: each after its length, 16 bits, big-endian."""
    if any(len(leaf) > MAX_LEAF_BYTES for leaf in leaves):
        raise ValueError(f"A leaf of a bundle must have at most {MAX_LEAF_BYTES} bytes.")
    return b"".join(_LENGTH.pack(len(leaf)) + leaf for leaf in leaves)


def read_bundle(data: bytes) -> list[bytes]:
    """Decode the leaves of a bundle. Raises Tampered if its lengths do not match its size."""
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
