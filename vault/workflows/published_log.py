"""The log as it lies in the object store, read back: by a node that starts, and by a restore."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from vault.domain.account_object_name import PREFIX as ACCOUNTS
from vault.errors import NotFound, Tampered
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.hashing import HASH_BYTES, node_hash
from vault.tlog.note import Signer
from vault.tlog.tiles import HEIGHT, WIDTH, Tile, grown_tiles, read_bundle
from vault.tlog.tree import read_frontier

PREFIX = "log/"
CHECKPOINT = PREFIX + "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLog:
    """What the object store has of the log. Shared by the verbs that compare it with the database."""

    database: Database
    objects: ObjectStore
    signer: Signer

    async def checkpoint(self) -> tuple[Checkpoint, bytes] | None:
        """Return the last published checkpoint with its note; None if there is none. Raises Tampered."""
        try:
            note = await self.objects.get(CHECKPOINT)
        except NotFound:
            return None
        return open_checkpoint(note, [self.signer.verifier]), note

    async def is_newer(self) -> bool:
        """Say whether the object store knows more than the database, which is old then, or empty.

        Raises Tampered if the two have different histories, or if the checkpoint is not the vault's.
        """
        found = await self.checkpoint()
        head, waiting = await self.database.read(lambda tx: (tx.tree.head(), tx.tree.waiting()))
        if found is None or not found[0].size:
            # Nothing was published yet. Where there are accounts there were events.
            return not head.size and not waiting and await self._any_account()
        published = found[0]
        if published.size <= head.size:
            same = await self.database.read(lambda tx: root_of(tx, published.size)) == published.root
        else:
            same = not head.size or await self._root(head.size, published.size) == head.root
        if not same:
            raise Tampered(
                "The object store holds another history of the access log than the database: the database was "
                "set back and went on from there."
            )
        return published.size > head.size

    async def bundles(self, size: int) -> AsyncIterator[list[bytes]]:
        """Yield the leaves of a log of ``size``, as many at once as lie in one file.

        Raises Tampered for a file that is too short; NotFound if one is missing.
        """
        for tile in grown_tiles(0, size):
            if tile.level:
                return
            leaves = read_bundle(await self._file(tile, tile.bundle_path))
            if len(leaves) < tile.width:
                raise Tampered("A bundle of the published log is too short.")
            yield leaves[: tile.width]

    async def _root(self, size: int, published: int) -> bytes:
        """Return the root that the published log had when it had ``size`` leaves."""
        wanted: list[tuple[int, int]] = []

        def note(level: int, index: int) -> bytes:
            wanted.append((level, index))
            return bytes(HASH_BYTES)

        # Which nodes make a root is the same whatever their hashes are.
        read_frontier(note, size)
        nodes = {place: await self._node(*place, published) for place in wanted}
        return read_frontier(lambda level, index: nodes[level, index], size).root()

    async def _node(self, level: int, index: int, published: int) -> bytes:
        base = level // HEIGHT
        first, count = index << (level % HEIGHT), 1 << (level % HEIGHT)
        tile_index = first // WIDTH
        width = min(WIDTH, (published >> (base * HEIGHT)) - tile_index * WIDTH)
        tile = Tile(level=base, index=tile_index, width=width)
        data = await self._file(tile, tile.path)
        start = (first - tile.start) * HASH_BYTES
        hashes = [data[at : at + HASH_BYTES] for at in range(start, start + count * HASH_BYTES, HASH_BYTES)]
        if any(len(one) != HASH_BYTES for one in hashes):
            raise Tampered("A tile of the published log is too short.")
        while len(hashes) > 1:
            hashes = [node_hash(a, b) for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
        return hashes[0]

    async def _file(self, tile: Tile, path: str) -> bytes:
        """Return a file of the log; the full one may have taken the place of one that was not."""
        try:
            return await self._whole(PREFIX + path)
        except NotFound:
            if tile.full:
                raise
            return await self._whole(PREFIX + path.partition(".p/")[0])

    async def _whole(self, key: str) -> bytes:
        # A bundle may be longer than what counts as small.
        return await self.objects.read(key, 0, await self.objects.size(key))

    async def _any_account(self) -> bool:
        async for _ in self.objects.list(ACCOUNTS):
            return True
        return False


def root_of(tx: Transaction, size: int) -> bytes:
    """Return the root that the database's log had when it had ``size`` leaves."""
    return read_frontier(tx.tree.node, size).root()
