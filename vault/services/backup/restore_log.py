"""Restore the access log: compare the anchored log with the database's log, and join both into one."""

import hashlib
import hmac
import json
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vault.database.interface import Database
from vault.domain.audit_log.access_event import parse_event
from vault.domain.audit_log.event_types.table import CLOSING
from vault.domain.audit_log.replay import Replay
from vault.domain.progress import ProgressCallback
from vault.errors import Tampered
from vault.services.audit_log.checkpoints import root_of
from vault.services.audit_log.published_tiles import PublishedLog, StoredLog
from vault.services.backup.restore_scope import LISTENING, Scope
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier, read_frontier

#: Leaves per transaction.
_BATCH_SIZE = 2000
#: Roots computed per transaction, each from a few dozen nodes.
_ROOTS = 32
#: The last common events whose earliest time counts, and how far the clocks of nodes and store may differ.
_LAST, _CLOCK_MARGIN = 64, timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class Divergence:
    """The difference between the database's log and the anchored log."""

    #: Number of leaves in the common prefix.
    fork: int
    #: Number of leaves in the database's tree.
    size: int
    #: The anchored log was read from this leaf on; the leaves before it are in the common prefix.
    start: int = 0
    #: The content of the anchored leaves after the fork.
    lost: Replay
    #: The content of the database's own events that are not anchored.
    own: Replay
    #: Ids of the anchored events after the fork that are closing acts, or that the database has as its own too.
    ids: set[str] = field(default_factory=set)
    #: Accounts with own events.
    touched: set[str] = field(default_factory=set)
    #: What the anchored leaves after the fork name.
    scope: Scope = field(default_factory=lambda: Scope(since=datetime.min.replace(tzinfo=UTC)))
    #: A digest of each list of leaves read, to check that the second pass reads the same leaves.
    digests: list[bytes] = field(default_factory=list)
    #: Roots of the anchored log at the requested sizes, as far as it reaches.
    roots: dict[int, bytes] = field(default_factory=dict)

    @property
    def named(self) -> Scope | None:
        """Return the scope to which a restore may be limited; None if it must read everything."""
        return self.scope if self.fork and not self.scope.too_large else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreLog:
    """Joins the anchored log and the database's own log."""

    database: Database
    published_log: PublishedLog

    async def compare(
        self, anchored: StoredLog | None, sizes: Iterable[int], progress: ProgressCallback
    ) -> Divergence:
        """Read the part of the anchored log that the database lacks, and the database's own events.

        The common part is not read: a database that has the same root at some size has the same leaves up to it.
        Both parts together are verified against the anchored checkpoint. ``sizes`` are the sizes at which the
        anchored log's root is needed. Raises Tampered if the leaves do not match the signed checkpoint.
        """
        head = await self.database.read(lambda tx: tx.tree.head())
        wanted = sorted(set(sizes))
        start = 0 if anchored is None else await self._common_size(anchored, head.size)
        divergence, root = await self._read(anchored, head.size, start, wanted, progress)
        if anchored is not None and root != anchored.checkpoint.root and start:
            # A tile differs from the leaves: compare leaf by leaf.
            divergence, root = await self._read(anchored, head.size, 0, wanted, progress)
        if anchored is not None and root != anchored.checkpoint.root:
            raise Tampered("The leaves in the object store do not match the anchored checkpoint.")
        async for leaf in self._own(divergence):
            _take_own(divergence, leaf)
        if divergence.fork:
            divergence.scope.since = await self._last_common(divergence.fork)
        return divergence

    async def _read(
        self,
        anchored: StoredLog | None,
        size: int,
        start: int,
        wanted: Sequence[int],
        progress: ProgressCallback,
    ) -> tuple[Divergence, bytes]:
        """Read the anchored leaves from ``start`` on; return the divergence and the root of all leaves."""
        divergence = Divergence(
            fork=start, size=size, start=start, lost=Replay(), own=Replay(lists_recordings=True)
        )
        frontier, divergence.roots = await self._common_roots(start, wanted)
        same, own = True, set[str]()
        async for leaves in self._bundles(anchored, start):
            at = frontier.size
            hashes = [leaf_hash(leaf) for leaf in leaves]
            divergence.digests.append(_digest(hashes))
            if same:
                common = await self._common(at, hashes)
                same = common == len(hashes)
                divergence.fork = at + common
                own = set() if same else {_id(leaf) async for leaf in self._own(divergence)}
            for leaf in leaves[max(0, divergence.fork - at) :] if not same else ():
                _take_lost(divergence, leaf, own)
            frontier = _grown(frontier, hashes, wanted, divergence.roots)
            await progress("log", frontier.size, size if anchored is None else anchored.checkpoint.size)
        return divergence, frontier.root()

    async def _common_size(self, anchored: StoredLog, size: int) -> int:
        """Return a size at which both logs have the same root; if the published tiles are intact, the largest."""
        low, high = 0, min(size, anchored.checkpoint.size)
        try:
            if await self._same_root(anchored, high):
                return high
            while low < high - 1:
                middle = (low + high) // 2
                if await self._same_root(anchored, middle):
                    low = middle
                else:
                    high = middle
        except Tampered:
            return 0
        return low

    async def _same_root(self, anchored: StoredLog, size: int) -> bool:
        own = await self.database.read(lambda tx: root_of(tx, size))
        return await self.published_log.root_at(anchored, size) == own

    async def _common_roots(self, start: int, wanted: Sequence[int]) -> tuple[Frontier, dict[int, bytes]]:
        """Return the common tree at ``start``, and its roots at the sizes up to it, from the database."""
        sizes = [size for size in wanted if size < start]
        roots: dict[int, bytes] = {}
        for at in range(0, len(sizes), _ROOTS):
            batch = sizes[at : at + _ROOTS]
            roots |= await self.database.read(lambda tx, b=batch: {size: root_of(tx, size) for size in b})  # type: ignore[misc]
        frontier = await self.database.read(lambda tx: read_frontier(tx.tree.node, start))
        return frontier, roots | ({start: frontier.root()} if start in wanted else {})

    async def _last_common(self, fork: int) -> datetime:
        """Return the earliest time of the last common events, less a margin for clocks that differ."""
        last = await self.database.read(lambda tx: tx.tree.leaves(max(0, fork - _LAST), fork))
        return min(parse_event(leaf.leaf).at for leaf in last) - _CLOCK_MARGIN

    async def join(self, anchored: StoredLog, divergence: Divergence, progress: ProgressCallback) -> None:
        """Put the anchored leaves at their indexes, and the database's own leaves after them.

        Raises Tampered if the anchored leaves have changed since the comparison.
        """
        if divergence.fork < anchored.checkpoint.size:
            while not await self.database.write(
                lambda tx: tx.restore.set_back(divergence.fork, limit=_BATCH_SIZE)
            ):
                pass
            number, end = 0, divergence.start
            async for leaves in self._bundles(anchored, divergence.start):
                if not hmac.compare_digest(_digest(map(leaf_hash, leaves)), divergence.digests[number]):
                    raise Tampered("The anchored log was changed while it was read.")
                number, start, end = number + 1, end, end + len(leaves)
                at = max(start, divergence.fork)
                if new := leaves[at - start :]:
                    await self.database.write(lambda tx, at=at, new=new: tx.restore.leaves(at, new))  # type: ignore[misc]
                await progress("leaves", end, anchored.checkpoint.size)
        while await self.database.write(lambda tx: tx.restore.take_waiting(limit=_BATCH_SIZE)):
            pass

    async def _common(self, start: int, hashes: Sequence[bytes]) -> int:
        """Return how many of these leaf hashes the database's tree has from ``start`` on, up to a difference."""
        end = start + len(hashes)
        own = await self.database.read(lambda tx: tx.tree.hashes(0, start, end))
        pairs = zip(hashes, own, strict=False)
        return next(
            (n for n, (anchored_hash, own_hash) in enumerate(pairs) if anchored_hash != own_hash), len(own)
        )

    async def _own(self, divergence: Divergence) -> AsyncIterator[bytes]:
        """Yield the leaves of the database's tree after the fork, then those that wait for the sequencer."""
        for start in range(divergence.fork, divergence.size, _BATCH_SIZE):
            end = min(start + _BATCH_SIZE, divergence.size)
            read = await self.database.read(
                lambda tx, start=start, end=end: tx.tree.leaves(start, end)  # type: ignore[misc]
            )
            for leaf in read:
                yield leaf.leaf
        after: int | None = None
        while waiting := await self.database.read(
            lambda tx, after=after: tx.restore.waiting(after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            for _, leaf in waiting:
                yield leaf
            after = waiting[-1][0]

    async def _bundles(self, anchored: StoredLog | None, start: int) -> AsyncIterator[list[bytes]]:
        """Yield the leaves of the anchored log from ``start`` on. Raises Tampered if one is missing."""
        if anchored is not None:
            async for leaves in self.published_log.bundles(anchored, start):
                yield leaves


def _id(leaf: bytes) -> str:
    return str(json.loads(leaf)["id"])


def _take_lost(divergence: Divergence, leaf: bytes, own: Collection[str]) -> None:
    """Add an anchored leaf; ``own`` has the ids of the database's own events."""
    divergence.lost.take(leaf)
    event = json.loads(leaf)
    if not event["type"].startswith(LISTENING):  # Most events are a listener's.
        divergence.scope.take(parse_event(leaf))
    # Only these ids: the ids of all playback events would not fit in memory.
    if event["type"] in CLOSING or event["id"] in own:
        divergence.ids.add(event["id"])


def _take_own(divergence: Divergence, leaf: bytes) -> None:
    event = json.loads(leaf)
    if event["id"] not in divergence.ids:
        divergence.own.take(leaf)
        divergence.touched.add(event.get("account") or "")


def _grown(
    frontier: Frontier, hashes: Sequence[bytes], sizes: Sequence[int], roots: dict[int, bytes]
) -> Frontier:
    """Return the frontier after these leaves; store the root at each of ``sizes`` it passes in ``roots``."""
    start = frontier.size
    for size in sizes[bisect_left(sizes, start) : bisect_right(sizes, start + len(hashes))]:
        frontier, _ = frontier.extend(hashes[frontier.size - start : size - start])
        roots[size] = frontier.root()
    return frontier.extend(hashes[frontier.size - start :])[0]


def _digest(hashes: Iterable[bytes]) -> bytes:
    """Return a digest of the leaves of one file."""
    return hashlib.sha256(b"".join(hashes)).digest()
