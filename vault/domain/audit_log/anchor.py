"""Keys of anchors in the object store: signed checkpoints with the leaves that are not in published tiles yet.

An anchor is written before its checkpoint is returned to any client. So a database that was set back, or a second
one that continued from an older copy, is detected by comparing it with the anchors (vault/tlog/anchor_file.py has
their content). The key is unique per attempt: an attempt that lost against another history deletes only its own
object.
"""

import re
from dataclasses import dataclass
from enum import Enum

PREFIX = "log/anchors/"
_KEY = re.compile(rf"{PREFIX}([0-9]{{20}})-([0-9a-f]{{64}})-([0-9a-f]{{16}})")


class Relation(Enum):
    """How a database's access log compares with the one in the object store."""

    #: Every anchor is a prefix of the database's log, or equal to it.
    SAME = "same"
    #: The database's log is a prefix of an anchor's: the database is older.
    BEHIND = "behind"
    #: Neither is a prefix of the other.
    FORKED = "forked"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorPlace:
    """The content of an anchor's key: the tree, and the attempt that wrote it."""

    size: int
    #: 32 bytes.
    root: bytes
    #: 16 random hexadecimal digits.
    attempt: str

    @property
    def key(self) -> str:
        """Return the key in the object store; keys sort by size."""
        return f"{PREFIX}{self.size:020}-{self.root.hex()}-{self.attempt}"


def parse_location(key: str) -> AnchorPlace | None:
    """Parse the key of an anchor; return None for another key."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    return AnchorPlace(size=int(match[1]), root=bytes.fromhex(match[2]), attempt=match[3])
