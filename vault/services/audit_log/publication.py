"""Publish an anchored log to the object store as tiles. Shared by services.

The files are those of c2sp.org/tlog-tiles below ``log/``: hashes, leaves, and the last checkpoint; and a copy
of each published checkpoint under its size, because the last one is overwritten. All other files never change:
only an anchored log is published, so they share one history. The worst result of a crash, or of two concurrent
nodes, is a file written too early. Permanent files (full tiles, and checkpoints under their sizes) are locked if
the store supports it.
"""

from dataclasses import dataclass
from datetime import timedelta

from vault.database.interface import Database
from vault.database.stores.audit_log.checkpoints import StoredCheckpoint
from vault.errors import LeaseLost, Tampered
from vault.ports.clock import Clock
from vault.ports.objects import ObjectStore
from vault.services.audit_log.checkpoints import shown
from vault.services.audit_log.published_tiles import CHECKPOINT, PREFIX, PublishedLog, has
from vault.structured_log import Log
from vault.tlog.tiles import HEIGHT, Tile, grown_tiles, write_bundle

_LOG = Log(__name__)
_LEASE = timedelta(seconds=60)
#: Tiles between two renewals of the lease. More are written in one run only if the object store has lost them.
_RENEW_EVERY_TILES = 32


def copy_of(size: int) -> str:
    """Return the key of the permanent checkpoint copy of a size."""
    return f"{PREFIX}checkpoints/{size:020}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Writes the log's new entries to the object store, up to an anchored checkpoint."""

    database: Database
    objects: ObjectStore
    published_log: PublishedLog
    clock: Clock

    async def __call__(self, anchored: StoredCheckpoint) -> bool:
        """Publish; False if another node publishes.

        Raises Tampered if the object store has another log: then the database was set back, or someone
        else wrote there, and nothing is overwritten. Raises LeaseLost.
        """
        before = await self.database.write(lambda tx: tx.checkpoints.claim_publication(lease=_LEASE))
        if before is None:
            return False
        await self._compare_published(anchored)
        for number, tile in enumerate(grown_tiles(before, anchored.size), 1):
            await self._write(tile)
            if number % _RENEW_EVERY_TILES == 0:
                await self.database.write(
                    lambda tx: tx.checkpoints.put_publication_off(until=tx.now() + _LEASE)
                )
        await self._keep_copy(anchored)
        # The only file that is overwritten: a node that was suspended meanwhile must not set it back.
        await self._compare_published(anchored)
        await self.objects.put(CHECKPOINT, anchored.note)
        await self.database.write(
            lambda tx: tx.checkpoints.published(before=before, size=anchored.size, at=self.clock())
        )
        return True

    async def _compare_published(self, anchored: StoredCheckpoint) -> None:
        """Check that the published log is a prefix of the log to publish.

        Raises Tampered if it is not part of this log at all, LeaseLost if it is longer.
        """
        found = await self.published_log.published()
        if found is None:
            return

        def known(size: int) -> bool:
            return found.checkpoint.size <= size

        last, same = await self.database.read(lambda tx: (shown(tx), has(tx, found.place)))
        if same and known(anchored.size):
            return
        if same and last is not None and known(last.size):
            raise LeaseLost("Another node has published more of the log.")
        _LOG.error("log.forked", size=found.checkpoint.size)
        raise Tampered(
            "The object store holds another history of the access log than the database, or a later one."
        )

    async def _keep_copy(self, anchored: StoredCheckpoint) -> None:
        """Put the checkpoint under its size, without overwriting. Raises Tampered if the store has another."""
        key = copy_of(anchored.size)
        if await self.objects.put(key, anchored.note, if_absent=True, locked=True):
            return
        if await self.objects.get(key) != anchored.note:
            _LOG.error("log.forked", size=anchored.size)
            raise Tampered("The object store holds another checkpoint of this size than the one to publish.")

    async def _write(self, tile: Tile) -> None:
        end = tile.start + tile.width
        if not tile.level:
            leaves = await self.database.read(lambda tx: tx.tree.leaves(tile.start, end))
            body = write_bundle([leaf.leaf for leaf in leaves])
            await self.objects.put(PREFIX + tile.bundle_path, body, locked=tile.full)
        hashes = await self.database.read(lambda tx: tx.tree.hashes(tile.level * HEIGHT, tile.start, end))
        await self.objects.put(PREFIX + tile.path, b"".join(hashes), locked=tile.full)
        if tile.full:
            await self._remove_partial(tile)

    async def _remove_partial(self, tile: Tile) -> None:
        """Delete the partial tiles, which the full one replaces."""
        for path in [tile.path] if tile.level else [tile.path, tile.bundle_path]:
            for stored in [stored async for stored in self.objects.list(f"{PREFIX}{path}.p/")]:
                await self.objects.delete(stored.key)
