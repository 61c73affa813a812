"""The access log of a restore: what is anchored, where the database's log parts from it, and one log of both."""

import hashlib
import hmac
import json
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from vault.domain.audit_log.replay import Replay
from vault.domain.progress import ProgressCallback
from vault.domain.stored.closing_acts import CLOSING
from vault.errors import Tampered
from vault.ports.database import Database
from vault.services.audit_log.published_tiles import PublishedLog, StoredLog
from vault.tlog.hashing import leaf_hash
from vault.tlog.tree import Frontier

#: Leaves that move in one transaction.
_BATCH_SIZE = 2000


@dataclass(slots=True, kw_only=True)
class Divergence:
    """How the database's log and the anchored one part."""

    #: How many leaves both begin with.
    fork: int
    #: How many leaves the database's tree has.
    size: int
    #: What the anchored leaves behind the fork say.
    lost: Replay
    #: What the database's own events say that are not anchored.
    own: Replay
    #: Ids of the anchored events behind the fork that close something, or that the database has as its own too.
    ids: set[str] = field(default_factory=set)
    #: Accounts of the database's own.
    touched: set[str] = field(default_factory=set)
    #: A digest of each file that was read, so that the same leaves are read once more.
    digests: list[bytes] = field(default_factory=list)
    #: Roots of the anchored log at the sizes that were asked for, as far as it has them.
    roots: dict[int, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreLog:
    """Make one log of the anchored one and the database's own."""

    database: Database
    published_log: PublishedLog

    async def compare(
        self, anchored: StoredLog | None, sizes: Iterable[int], progress: ProgressCallback
    ) -> Divergence:
        """Read the whole anchored log against its checkpoint, and the database's own events behind it.

        ``sizes`` are those at which the anchored log's root is wanted.
        Raises Tampered if the leaves are not those that the checkpoint signs.
        """
        head = await self.database.read(lambda tx: tx.tree.head())
        parted = Divergence(fork=0, size=head.size, lost=Replay(), own=Replay(lists_recordings=True))
        frontier, same, wanted = Frontier(), True, sorted(set(sizes))
        own = set[str]()
        size = 0 if anchored is None else anchored.checkpoint.size
        async for leaves in self._bundles(anchored):
            start = frontier.size
            hashes = [leaf_hash(leaf) for leaf in leaves]
            parted.digests.append(_digest(hashes))
            if same:
                common = await self._common(start, hashes)
                same = common == len(hashes)
                parted.fork = start + common
                own = set() if same else {_id(leaf) async for leaf in self._own(parted)}
            for leaf in leaves[max(0, parted.fork - start) :] if not same else ():
                _take_lost(parted, leaf, own)
            frontier = _grown(frontier, hashes, wanted, parted.roots)
            await progress("log", frontier.size, size)
        if anchored is not None and frontier.root() != anchored.checkpoint.root:
            raise Tampered("The leaves in the object store are not those that the anchored checkpoint signs.")
        if anchored is None:
            parted.fork = 0
        async for leaf in self._own(parted):
            _take_own(parted, leaf)
        return parted

    async def join(self, anchored: StoredLog, parted: Divergence, progress: ProgressCallback) -> None:
        """Put the anchored leaves at their places, and the database's own behind them.

        Raises Tampered if they are no longer those that were compared.
        """
        if parted.fork < anchored.checkpoint.size:
            while not await self.database.write(
                lambda tx: tx.restored.set_back(parted.fork, limit=_BATCH_SIZE)
            ):
                pass
            number = end = 0
            async for leaves in self._bundles(anchored):
                if not hmac.compare_digest(_digest(map(leaf_hash, leaves)), parted.digests[number]):
                    raise Tampered("The anchored log was changed while it was read.")
                number, start, end = number + 1, end, end + len(leaves)
                at = max(start, parted.fork)
                if new := leaves[at - start :]:
                    await self.database.write(lambda tx, at=at, new=new: tx.restored.leaves(at, new))  # type: ignore[misc]
                await progress("leaves", end, anchored.checkpoint.size)
        while await self.database.write(lambda tx: tx.restored.take_waiting(limit=_BATCH_SIZE)):
            pass

    async def _common(self, start: int, hashes: Sequence[bytes]) -> int:
        """Return with how many of these leaf hashes the database's tree goes on at ``start``."""
        end = start + len(hashes)
        there = await self.database.read(lambda tx: tx.tree.hashes(0, start, end))
        pairs = zip(hashes, there, strict=False)
        return next((n for n, (one, other) in enumerate(pairs) if one != other), len(there))

    async def _own(self, parted: Divergence) -> AsyncIterator[bytes]:
        """Yield what stands in the database's tree behind the fork, and what waits for it."""
        for start in range(parted.fork, parted.size, _BATCH_SIZE):
            end = min(start + _BATCH_SIZE, parted.size)
            read = await self.database.read(
                lambda tx, start=start, end=end: tx.tree.leaves(start, end)  # type: ignore[misc]
            )
            for one in read:
                yield one.leaf
        after: int | None = None
        while waiting := await self.database.read(
            lambda tx, after=after: tx.restored.waiting(after, limit=_BATCH_SIZE)  # type: ignore[misc]
        ):
            for _, leaf in waiting:
                yield leaf
            after = waiting[-1][0]

    async def _bundles(self, anchored: StoredLog | None) -> AsyncIterator[list[bytes]]:
        """Yield the leaves of the anchored log in their order. Raises Tampered where one is missing."""
        if anchored is not None:
            async for leaves in self.published_log.bundles(anchored):
                yield leaves


def _id(leaf: bytes) -> str:
    return str(json.loads(leaf)["id"])


def _take_lost(parted: Divergence, leaf: bytes, own: Collection[str]) -> None:
    """Take an anchored leaf; ``own`` has the ids of the database's own events."""
    parted.lost.take(leaf)
    said = json.loads(leaf)
    # Most of a log is listening: a process has no memory for all of it.
    if said["type"] in CLOSING or said["id"] in own:
        parted.ids.add(said["id"])


def _take_own(parted: Divergence, leaf: bytes) -> None:
    said = json.loads(leaf)
    if said["id"] not in parted.ids:
        parted.own.take(leaf)
        parted.touched.add(said.get("account") or "")


def _grown(
    frontier: Frontier, hashes: Sequence[bytes], sizes: Sequence[int], roots: dict[int, bytes]
) -> Frontier:
    """Return the frontier behind these leaves; put the roots at those of ``sizes`` that it passes into ``roots``."""
    start = frontier.size
    for size in sizes[bisect_left(sizes, start) : bisect_right(sizes, start + len(hashes))]:
        frontier, _ = frontier.extend(hashes[frontier.size - start : size - start])
        roots[size] = frontier.root()
    return frontier.extend(hashes[frontier.size - start :])[0]


def _digest(hashes: Iterable[bytes]) -> bytes:
    """Return what the leaves of one file are known by."""
    return hashlib.sha256(b"".join(hashes)).digest()
