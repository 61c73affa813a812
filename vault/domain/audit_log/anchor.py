"""Where anchors lie in the object store: signed checkpoints, with the leaves that the published tiles lack.

An anchor is written before its checkpoint is shown to anybody, so a database that goes back, or a second one that
went on from an older copy, finds there what was shown (vault/tlog/anchor_file.py has its content). Its key is unique
to the attempt that wrote it, because an attempt that lost against another history takes its own object back, and
nobody else's.
"""

import re
from dataclasses import dataclass
from enum import Enum

PREFIX = "log/anchors/"
_KEY = re.compile(rf"{PREFIX}([0-9]{{20}})-([0-9a-f]{{64}})-([0-9a-f]{{16}})")


class Relation(Enum):
    """What the access log of a database is to the one in the object store."""

    #: Every anchor is a beginning of the database's log, or that log itself.
    SAME = "same"
    #: The database's log is a beginning of an anchor's: the database is older.
    BEHIND = "behind"
    #: Neither is a beginning of the other.
    FORKED = "forked"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorPlace:
    """What the key of an anchor says: which tree it names, and which attempt wrote it."""

    size: int
    #: 32 bytes.
    root: bytes
    #: 16 hexadecimal digits, drawn by the attempt.
    attempt: str

    @property
    def key(self) -> str:
        """Return the key in the object store; keys sort by size."""
        return f"{PREFIX}{self.size:020}-{self.root.hex()}-{self.attempt}"


def parse_location(key: str) -> AnchorPlace | None:
    """Return what the key of an anchor says; None for another key."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    return AnchorPlace(size=int(found[1]), root=bytes.fromhex(found[2]), attempt=found[3])
