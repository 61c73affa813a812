"""The export of one account: its leaves in full, and the roots of the subtrees between them (FORMAT.md, section 6.2).

Its cost depends on the account's leaves: at most two subtrees per level and leaf, and of the tree only the tiles of 256
nodes that these leaves are in, and those above them.
"""

from collections.abc import Collection, Sequence
from typing import Final

from vault.database.log_tree.stored_tree import STEP, HashReader
from vault.database.stores.audit_log.log_tree import Leaf
from vault.database.transaction import Transaction
from vault.errors import Tampered
from vault.tlog.hashing import node_hash
from vault.tlog.log_file import write_leaf, write_subtree
from vault.tlog.tree import Node, cover

#: Leaves per transaction, and the tiles of level 0 that they may be in.
_LEAVES: Final = 1000
_TILES: Final = 64
#: Nodes of one tile.
_WIDTH: Final = 1 << STEP


def read_part(
    tx: Transaction, account_id: str, start: int, size: int, splits: Collection[int]
) -> tuple[bytes, int]:
    """Return lines from the entry ``start`` on, and the entry after them.

    ``size`` is the size of the exported log. No subtree has entries on both sides of one of ``splits``. Raises
    Tampered if a node is missing.
    """
    found = tx.tree.leaves_of(account_id, start, size, limit=_LEAVES)
    own = _in_few_tiles(found)
    end = size if len(own) == len(found) < _LEAVES else own[-1].index + 1
    leaves = {leaf.index: leaf for leaf in own}
    nodes, lines, at = _Nodes(tx.tree.hashes, size), list[bytes](), start
    for stop in sorted({*leaves, *(split for split in splits if start < split < end), end}):
        for level, index in cover(at, stop):
            lines.append(write_subtree(Node(level=level, index=index, hash=nodes.hash(level, index))))
        at = stop
        if stop in leaves:
            leaf = leaves[stop]
            lines.append(write_leaf(leaf.index, leaf.hash, leaf.leaf))
            at = stop + 1
    return b"".join(lines), end


def _in_few_tiles(leaves: Sequence[Leaf]) -> Sequence[Leaf]:
    tiles: set[int] = set()
    for number, leaf in enumerate(leaves):
        tiles.add(leaf.index // _WIDTH)
        if len(tiles) > _TILES:
            return leaves[:number]
    return leaves


class _Nodes:
    """Complete nodes of the tree of ``size`` leaves; each tile of stored nodes is read once."""

    def __init__(self, hashes: HashReader, size: int) -> None:
        self._hashes = hashes
        self._size = size
        #: By stored level and tile: the nodes of this level, then of the levels above it within the tile.
        self._tiles: dict[tuple[int, int], list[Sequence[bytes]]] = {}

    def hash(self, level: int, index: int) -> bytes:
        """Return the hash of a node. Raises Tampered if it cannot be computed."""
        above = level % STEP
        tile = (index << above) // _WIDTH
        rows = self._read(level - above, tile)
        at = index - (tile * _WIDTH >> above)
        if above >= len(rows) or at >= len(rows[above]):
            raise Tampered(
                f"Node {index} of level {level} of the access log, or a node below it, is missing."
            )
        return rows[above][at]

    def _read(self, level: int, tile: int) -> list[Sequence[bytes]]:
        if (level, tile) not in self._tiles:
            end = min((tile + 1) * _WIDTH, self._size >> level)
            rows = [self._hashes(level, tile * _WIDTH, end)]
            if len(rows[0]) != end - tile * _WIDTH:
                raise Tampered(f"A node of level {level} of the access log is missing.")
            while len(rows[-1]) > 1:
                below = rows[-1]
                rows.append([node_hash(below[n], below[n + 1]) for n in range(0, len(below) - 1, 2)])
            self._tiles[level, tile] = rows
        return self._tiles[level, tile]
