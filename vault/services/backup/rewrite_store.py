"""A look at the object store every minute, and writing everything there again after it lost something."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from vault.domain.stored.store_rewrite import StoreRewrite
from vault.errors import NotFound
from vault.ports.database import Database, Transaction
from vault.ports.objects import ObjectStore
from vault.services.audit_log.log_file_bytes import keys_of, stored_bytes, wanted_bytes
from vault.services.audit_log.publication import copy_of
from vault.services.audit_log.published_tiles import PublishedLog
from vault.services.audit_log.store_loss import keep_rewrite, look_for_loss, note_loss, rewrite_of
from vault.services.node.vault_identity import write_vault_object
from vault.structured_log import Log
from vault.tlog.tiles import Tile, grown_tiles

_LOG = Log(__name__)
#: Recordings that one transaction marks.
_RECORDINGS = 1000
#: Copies of checkpoints that one step looks at.
_CHECKPOINTS = 32
#: Tiles that one step compares.
_TILES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStore:
    """Notice that the object store went back."""

    database: Database
    objects: ObjectStore
    published_log: PublishedLog

    async def __call__(self) -> bool:
        """Say whether something new was lost. Raises Unavailable."""
        return await look_for_loss(self.database, self.objects, self.published_log)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteStore:
    """Let everything that the database holds be written to the object store again, step by step.

    Accounts and the log were marked when the loss was noticed. Their verbs do the writing.
    """

    database: Database
    objects: ObjectStore

    async def begin(self, *, actor: str) -> None:
        """Begin because an operator asks for it. Raises Unavailable."""

        def mark(tx: Transaction) -> None:
            size = tx.store.published_size()
            note_loss(tx, found=0, known=size, published=size, actor=actor)

        await self.database.write(mark)

    async def any_due(self) -> bool:
        """Say whether a rewrite is under way."""
        return await self.database.read(rewrite_of) is not None

    async def __call__(self) -> bool:
        """Do one step; False if there is none, or the log is still on its way. Raises Unavailable."""
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
            further = replace(rewrite, tiles_done=rewrite.tiles_done + len(tiles))
            await self.database.write(lambda tx: keep_rewrite(tx, rewrite, further))
        elif await self.database.read(lambda tx: tx.store.published_size()) <= rewrite.known:
            # The loss is on record behind what was known, so the log grows beyond that.
            return False
        else:
            await write_vault_object(self.database, self.objects)
            await self.database.write(lambda tx: keep_rewrite(tx, rewrite, None))
            _LOG.info("store.rewritten", size=rewrite.known)
        return True

    async def _write_checkpoints(self, rewrite: StoreRewrite) -> StoreRewrite:
        """Write copies of checkpoints that are gone; return how far the rewrite is then."""
        copies = await self.database.read(
            lambda tx: tx.store.published_checkpoints(above=rewrite.checkpoints_above, limit=_CHECKPOINTS)
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
        """Write files of the log that are not there as they should be."""
        for tile in tiles:
            for key in keys_of(tile):
                wanted = await wanted_bytes(self.database, tile, key)
                if await stored_bytes(self.objects, key) != wanted:
                    await self.objects.put(key, wanted, locked=tile.full)


def _some_tiles(rewrite: StoreRewrite) -> list[Tile]:
    """Return the next tiles to be compared; none once all are."""
    every = grown_tiles(0, rewrite.tiles_size)
    return list(islice(every, rewrite.tiles_done, rewrite.tiles_done + _TILES))


def _mark_recordings(tx: Transaction, rewrite: StoreRewrite) -> None:
    after = tx.store.rewrite_recordings(after=rewrite.recordings_after or "", limit=_RECORDINGS)
    keep_rewrite(tx, rewrite, replace(rewrite, recordings_after=after))
