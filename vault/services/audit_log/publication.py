"""Publication: an anchored log is written to the object store as tiles. A kernel that verbs share.

The files are those of c2sp.org/tlog-tiles below ``log/``: hashes, leaves, the last checkpoint; and each
published checkpoint once more under its size, because the last one is overwritten. Every file but that
one never changes: what is published is anchored, so it is of one history. A crash, or two nodes at once,
leave nothing worse than a file too early. What stays for good, full tiles and the checkpoints under their
sizes, is locked where the store can.
"""

from dataclasses import dataclass
from datetime import timedelta

from vault.errors import LeaseLost, Tampered
from vault.ports.access_log import KeptCheckpoint
from vault.ports.clock import Clock
from vault.ports.database import Database
from vault.ports.objects import ObjectStore
from vault.services.audit_log.checkpoints import shown
from vault.services.audit_log.published_tiles import CHECKPOINT, PREFIX, PublishedLog, has
from vault.structured_log import Log
from vault.tlog.tiles import HEIGHT, Tile, grown_tiles, write_bundle

_LOG = Log(__name__)
#: How long the work is held without a sign of life.
_LEASE = timedelta(seconds=60)
#: Tiles between two signs of life. So many at once are written only where the object store has lost them.
_SIGN_OF_LIFE = 32


def copy_of(size: int) -> str:
    """Return where the checkpoint of a size lies for good."""
    return f"{PREFIX}checkpoints/{size:020}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """Writes to the object store what the log has grown by, up to a checkpoint that is anchored."""

    database: Database
    objects: ObjectStore
    published_log: PublishedLog
    clock: Clock

    async def __call__(self, anchored: KeptCheckpoint) -> bool:
        """Publish; False if another node publishes.

        Raises Tampered if the object store has what this log never was: then the database was set
        back, or somebody wrote there, and nothing is overwritten. Raises LeaseLost.
        """
        before = await self.database.write(lambda tx: tx.checkpoints.claim_publication(lease=_LEASE))
        if before is None:
            return False
        await self._compare_published(anchored)
        for number, tile in enumerate(grown_tiles(before, anchored.size), 1):
            await self._write(tile)
            if number % _SIGN_OF_LIFE == 0:
                await self.database.write(
                    lambda tx: tx.checkpoints.put_publication_off(until=tx.now() + _LEASE)
                )
        await self._keep_copy(anchored)
        # The one file that is overwritten: a node that slept meanwhile must not set it back.
        await self._compare_published(anchored)
        await self.objects.put(CHECKPOINT, anchored.note)
        await self.database.write(
            lambda tx: tx.checkpoints.published(before=before, size=anchored.size, at=self.clock())
        )
        return True

    async def _compare_published(self, anchored: KeptCheckpoint) -> None:
        """Check that the published log is a prefix of the log to publish.

        Raises Tampered if it is not even one of this log, LeaseLost if it goes further.
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
            raise LeaseLost("Another node has published the log further than this one knew it.")
        _LOG.error("log.forked", size=found.checkpoint.size)
        raise Tampered(
            "The object store holds another history of the access log than the database, or a later one."
        )

    async def _keep_copy(self, anchored: KeptCheckpoint) -> None:
        """Put the checkpoint under its size, where none is overwritten. Raises Tampered if the store has another."""
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
