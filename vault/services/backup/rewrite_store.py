"""Check the object store every minute, and write everything to it again after it lost data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Final

from vault.database.interface import Database
from vault.database.signals import Work
from vault.database.transaction import Transaction
from vault.domain.stored.vault_facts import StoreRewrite
from vault.errors import NotFound
from vault.ports.objects import ObjectStore
from vault.services.audit_log.publication import copy_of
from vault.services.audit_log.published_tiles import PublishedLog, keys_of_tile, stored_bytes, wanted_bytes
from vault.services.audit_log.store_loss import keep_rewrite, look_for_loss, note_loss, rewrite_of
from vault.services.node.vault_identity import write_vault_object
from vault.services.shared.job import EACH_MINUTE, DueJob, IntervalJob, Job
from vault.services.shared.move_objects import MoveObjects
from vault.structured_log import Log
from vault.tlog.tiles import Tile, grown_tiles

_LOG = Log(__name__)
#: Recordings marked per transaction.
_RECORDINGS = 1000
#: Checkpoint copies checked per step.
_CHECKPOINTS = 32
#: Tiles compared per step.
_TILES = 32
#: Interval of polls while a rewrite is in progress.
_POLL_INTERVAL: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteStore:
    """Rewrite everything in the database to the object store, step by step.

    Accounts and the log were marked when the loss was detected; their own services write them.
    """

    database: Database
    objects: ObjectStore
    published_log: PublishedLog
    move_objects: MoveObjects

    def jobs(self) -> Sequence[Job]:
        """Return the rewrite, and the check that finds its reason."""
        return [
            DueJob(work=Work.REWRITE_STORE, any_due=self.any_due, step=self, needs_objects=True),
            IntervalJob(name="look_at_store", run=self.find_loss, every=EACH_MINUTE, needs_objects=False),
        ]

    async def find_loss(self) -> bool:
        """Check whether the object store lost data; return whether a new loss was found. Raises Unavailable."""
        return await look_for_loss(self.database, self.objects, self.published_log)

    async def begin(self, *, actor: str) -> None:
        """Start a rewrite on an operator's request. Raises Unavailable."""

        def mark(tx: Transaction) -> None:
            size = tx.object_store.published_size()
            note_loss(tx, found=0, known=size, published=size, actor=actor)

        await self.database.write(mark)

    async def any_due(self) -> bool:
        """Return whether a rewrite is in progress. While one is, it is polled every second: its rest may only wait."""

        def read(tx: Transaction) -> bool:
            rewriting = rewrite_of(tx) is not None
            if rewriting:
                tx.wake(Work.REWRITE_STORE, after=_POLL_INTERVAL)
            return rewriting

        return await self.database.read(read)

    async def __call__(self) -> bool:
        """Do one step; False if there is none, or the log is still being published. Raises Unavailable."""
        rewrite = await self.database.read(rewrite_of)
        if rewrite is None:
            return False
        if rewrite.recordings_after is not None:
            await self.database.write(lambda tx: _mark_recordings(tx, rewrite))
        elif not rewrite.checkpoints_done:
            after = await self._write_checkpoints(rewrite)
            await self.database.write(lambda tx: keep_rewrite(tx, rewrite, after))
        elif tiles := _some_tiles(rewrite):
            await self._write_tiles(tiles)
            advanced = replace(rewrite, tiles_done=rewrite.tiles_done + len(tiles))
            await self.database.write(lambda tx: keep_rewrite(tx, rewrite, advanced))
        elif await self.database.read(lambda tx: tx.object_store.published_size()) <= rewrite.known:
            # The event of the loss comes after the known size, so the published log must grow beyond it.
            return False
        else:
            await write_vault_object(self.database, self.objects)
            await self.move_objects.rewrite()
            await self.database.write(lambda tx: keep_rewrite(tx, rewrite, None))
            _LOG.info("store.rewritten", size=rewrite.known)
        return True

    async def _write_checkpoints(self, rewrite: StoreRewrite) -> StoreRewrite:
        """Write missing checkpoint copies; return the progress after that."""
        copies = await self.database.read(
            lambda tx: tx.object_store.published_checkpoints(
                above=rewrite.checkpoints_above, limit=_CHECKPOINTS
            )
        )
        for copy in copies:
            location = copy_of(copy.size)
            try:
                await self.objects.size(location)
            except NotFound:
                await self.objects.put(location, copy.note, locked=True)
        if len(copies) < _CHECKPOINTS:
            return replace(rewrite, checkpoints_done=True)
        return replace(rewrite, checkpoints_above=copies[-1].size)

    async def _write_tiles(self, tiles: Sequence[Tile]) -> None:
        """Write log files that are missing or differ."""
        for tile in tiles:
            for key in keys_of_tile(tile):
                wanted = await wanted_bytes(self.database, tile, key)
                if await stored_bytes(self.objects, key) != wanted:
                    await self.objects.put(key, wanted, locked=tile.full)


def _some_tiles(rewrite: StoreRewrite) -> list[Tile]:
    """Return the next tiles to compare; empty at the end."""
    tiles = grown_tiles(0, rewrite.tiles_size)
    return list(islice(tiles, rewrite.tiles_done, rewrite.tiles_done + _TILES))


def _mark_recordings(tx: Transaction, rewrite: StoreRewrite) -> None:
    after = tx.object_store.rewrite_recordings(after=rewrite.recordings_after or "", limit=_RECORDINGS)
    keep_rewrite(tx, rewrite, replace(rewrite, recordings_after=after))
