"""Publishing the access log to the object store, where another copy of it outlives the database.

The files are those of c2sp.org/tlog-tiles below ``log/``: hashes, leaves, the last checkpoint; and each
published checkpoint once more under its size, because the last one is overwritten. Every file but that
one never changes, so a crash, or two nodes at once, leave nothing worse than a file too early. What stays
for good, full tiles and the checkpoints under their sizes, is locked where the store can.
"""

from dataclasses import dataclass
from datetime import timedelta

from vault.errors import LeaseLost, Tampered
from vault.logs import Log
from vault.ports.access_log import KeptCheckpoint
from vault.ports.clock import Clock
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.tlog.tiles import HEIGHT, Tile, grown_tiles, write_bundle
from vault.workflows.published_log import CHECKPOINT, PREFIX, PublishedLog, root_of

_LOG = Log(__name__)
#: How long the work is held without a sign of life.
_LEASE = timedelta(seconds=60)
#: Tiles between two signs of life.
_SIGN_OF_LIFE = 32


def copy_of(size: int) -> str:
    """Return where the checkpoint of a size lies for good."""
    return f"{PREFIX}checkpoints/{size:020}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishLog:
    """Write to the object store what the log has grown by, up to its last checkpoint."""

    database: Database
    objects: ObjectStore
    published_log: PublishedLog
    clock: Clock
    #: Between two publications, so that a busy log is not a flood of small objects.
    pause: timedelta = timedelta(seconds=30)

    async def __call__(self) -> bool:
        """Publish; False if there is nothing new, it is not time yet, or another node publishes.

        Raises Tampered if the object store has what this log never was: then the database was set
        back, or somebody wrote there, and nothing is overwritten.
        """
        before = await self.database.write(lambda tx: tx.checkpoints.claim_publication(lease=_LEASE))
        if before is None:
            return False
        last = await self.database.read(lambda tx: tx.checkpoints.last())
        if last is None or last.size <= before:
            await self.database.write(lambda tx: _put_off(tx, self.pause))
            return False
        await self._compare_published(last)
        for number, tile in enumerate(grown_tiles(before, last.size), 1):
            await self._write(tile)
            if number % _SIGN_OF_LIFE == 0:
                await self.database.write(lambda tx: _put_off(tx, _LEASE))
        await self.objects.put(copy_of(last.size), last.note, locked=True)
        # The one file that is overwritten: a node that slept meanwhile must not set it back.
        await self._compare_published(last)
        await self.objects.put(CHECKPOINT, last.note)
        await self.database.write(lambda tx: self._done(tx, before, last.size))
        return True

    async def _compare_published(self, last: KeptCheckpoint) -> None:
        """Check that what lies there is a beginning of what is to be published.

        Raises Tampered if it is not even one of this log, LeaseLost if it goes further.
        """
        found = await self.published_log.checkpoint()
        if found is None:
            return
        published = found[0]
        newest = await self.database.read(lambda tx: tx.checkpoints.last())
        if newest is not None and published.size <= newest.size:
            root = await self.database.read(lambda tx: root_of(tx, published.size))
            if root == published.root and published.size <= last.size:
                return
            if root == published.root:
                raise LeaseLost("Another node has published the log further than this one knew it.")
        _LOG.error("log.forked", size=published.size)
        raise Tampered(
            "The object store holds another history of the access log than the database, or a later one."
        )

    async def _write(self, tile: Tile) -> None:
        end = tile.start + tile.width
        if not tile.level:
            leaves = await self.database.read(lambda tx: tx.tree.leaves(tile.start, end))
            body = write_bundle([one.leaf for one in leaves])
            await self.objects.put(PREFIX + tile.bundle_path, body, locked=tile.full)
        hashes = await self.database.read(lambda tx: tx.tree.hashes(tile.level * HEIGHT, tile.start, end))
        await self.objects.put(PREFIX + tile.path, b"".join(hashes), locked=tile.full)
        if tile.full:
            await self._remove_partial(tile)

    async def _remove_partial(self, tile: Tile) -> None:
        """Remove the narrower ones, which nobody needs beside the full one."""
        for path in [tile.path] if tile.level else [tile.path, tile.bundle_path]:
            for stored in [stored async for stored in self.objects.list(f"{PREFIX}{path}.p/")]:
                await self.objects.delete(stored.key)

    def _done(self, tx: Transaction, before: int, size: int) -> None:
        tx.checkpoints.published(before=before, size=size, at=self.clock(), next_at=tx.now() + self.pause)


def _put_off(tx: Transaction, pause: timedelta) -> None:
    tx.checkpoints.put_publication_off(until=tx.now() + pause)
