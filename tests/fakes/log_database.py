"""A database of the access log alone, in memory, that can be copied and go on from the copy, as a forked one does."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.support.rfc6962 import mth
from vault.database.stores.audit_log.checkpoints import PublishedSize, StoredCheckpoint
from vault.database.stores.audit_log.log_tree import Leaf, TreeHead
from vault.tlog.hashing import leaf_hash

T = TypeVar("T")


async def _go_on() -> None:
    """Wait for nothing."""


@dataclass(frozen=True)
class _Tree:
    """``Tree``, as far as anchors ask it."""

    all: list[bytes]

    def head(self) -> TreeHead:
        """Return size and root."""
        return TreeHead(size=len(self.all), root=mth(self.all))

    def node(self, level: int, index: int) -> bytes:
        """Return a node."""
        return mth(self.all[index << level : (index + 1) << level])

    def hashes(self, level: int, start: int, end: int) -> list[bytes]:
        """Return nodes."""
        return [self.node(level, index) for index in range(start, end)]

    def leaves(self, start: int, end: int) -> list[Leaf]:
        """Return leaves."""
        rows = enumerate(self.all[start:end], start)
        return [Leaf(index=n, account_id=None, leaf=leaf, hash=leaf_hash(leaf)) for n, leaf in rows]


@dataclass
class LogDatabase:
    """``Database``, as far as anchors ask it. A transaction is one step: nothing happens beside it."""

    leaves: list[bytes] = field(default_factory=list)
    #: Checkpoints that are anchored, by size.
    kept: dict[int, StoredCheckpoint] = field(default_factory=dict)
    published_size: int = 0
    #: Awaited before and after each transaction.
    turn: Callable[[], Awaitable[None]] = _go_on

    def copy(self) -> "LogDatabase":
        """Return a database of this moment, which goes on by itself."""
        return replace(self, leaves=list(self.leaves), kept=dict(self.kept))

    async def read(self, function: Callable[[Any], T]) -> T:
        """Run a function."""
        await self.turn()
        result = function(self)
        await self.turn()
        return result

    async def write(self, function: Callable[[Any], T], *, urgent: bool = False) -> T:
        """Run a function; none of those under test writes before it raises."""
        del urgent
        return await self.read(function)

    @property
    def tree(self) -> "_Tree":
        """Return what has the methods of ``Tree``."""
        return _Tree(self.leaves)

    @property
    def checkpoints(self) -> "LogDatabase":
        """Return what has the methods of ``Checkpoints``."""
        return self

    def last(self) -> StoredCheckpoint | None:
        """Return the newest that is anchored."""
        return self.kept[max(self.kept)] if self.kept else None

    def keep(self, checkpoint: StoredCheckpoint) -> StoredCheckpoint:
        """Keep one."""
        return self.kept.setdefault(checkpoint.size, checkpoint)

    def publication(self) -> PublishedSize:
        """Return how far tiles go."""
        return PublishedSize(size=self.published_size, at=None)

    def claim_publication(self, *, lease: timedelta) -> int | None:
        """Take the work, which nobody else does."""
        del lease
        return self.published_size

    def published(self, *, before: int, size: int, at: datetime) -> None:
        """Note how far tiles go."""
        del at
        assert before <= size
        self.published_size = size
