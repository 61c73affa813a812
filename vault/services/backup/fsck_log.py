"""Compare the access log in the object store with the database's tree: tiles, checkpoints, anchor."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from vault.database.interface import Database
from vault.domain.audit_log.anchor import PREFIX as ANCHORS
from vault.errors import NotFound, Tampered
from vault.ports.objects import ObjectStore
from vault.services.audit_log.publication import copy_of
from vault.services.audit_log.published_tiles import (
    CHECKPOINT,
    PublishedLog,
    has,
    keys_of_tile,
    stored_bytes,
    wanted_bytes,
)
from vault.tlog.tiles import Tile, grown_tiles

#: Checkpoint copies per transaction.
_COPIES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareLog:
    """Reports files of the log that differ from the tree, one sentence each."""

    database: Database
    objects: ObjectStore
    published_log: PublishedLog

    async def findings(self) -> AsyncIterator[str | None]:
        """Yield a finding or None for each file of the log; files published meanwhile are not reported."""
        size = await self.database.read(lambda tx: tx.object_store.published_size())
        yield await self._checkpoint(size)
        yield await self._anchor()
        for tile in grown_tiles(0, size):
            for key in keys_of_tile(tile):
                finding = await self._file(tile, key)
                now = (
                    await self.database.read(lambda tx: tx.object_store.published_size()) if finding else size
                )
                # A partial tile is deleted once a fuller one exists.
                yield finding if now == size or tile.full else None
        async for finding in self._copies():
            yield finding

    async def _checkpoint(self, size: int) -> str | None:
        if not size:
            return None
        try:
            found = await self.published_log.published()
        except Tampered as error:
            return f"{CHECKPOINT}: {error}"
        if found is None:
            return f"{CHECKPOINT}: it is missing."
        published = found.checkpoint
        if published.size < size:
            return f"{CHECKPOINT}: it covers {published.size} entries, and {size} were published."
        own = await self.database.read(lambda tx: has(tx, found.place))
        return None if own else f"{CHECKPOINT}: it belongs to another history of the access log."

    async def _anchor(self) -> str | None:
        last = await self.database.read(lambda tx: tx.checkpoints.last())
        places = await self.published_log.anchors()
        if last is None:
            return None
        own = await self.database.read(lambda tx: {place: has(tx, place) for place in places})
        foreign = [place.key for place in places if place.size <= last.size and not own[place]]
        if foreign:
            return f"{foreign[0]}: it belongs to another history of the access log."
        newest = max((place.size for place in places), default=0)
        if newest >= last.size:
            return None
        return f"{ANCHORS}: the newest anchor covers {newest} entries, and {last.size} were anchored."

    async def _file(self, tile: Tile, key: str) -> str | None:
        found, wanted = await stored_bytes(self.objects, key), await wanted_bytes(self.database, tile, key)
        if found is None and not tile.full:
            # After a restore the database may continue from before the full tile, which has replaced this one.
            full = await stored_bytes(self.objects, key.partition(".p/")[0])
            found = None if full is None else full[: len(wanted)]
        if found is None:
            return f"{key}: it is missing."
        if found == wanted:
            return None
        return f"{key}: it does not match the tree of the access log."

    async def _copies(self) -> AsyncIterator[str | None]:
        above = 0
        while copies := await self.database.read(
            lambda tx, above=above: tx.object_store.published_checkpoints(above=above, limit=_COPIES)  # type: ignore[misc]
        ):
            above = copies[-1].size
            for copy in copies:
                key = copy_of(copy.size)
                try:
                    same = await self.objects.get(key) == copy.note
                except NotFound:
                    yield f"{key}: it is missing."
                else:
                    yield None if same else f"{key}: it does not match the published checkpoint."
