"""Read the log from the object store, for the startup check and for a restore.

The stored log is the newest anchor with the tiles published before it. Releases without anchors wrote only a
published checkpoint, which is used if there is no anchor. What a file of a tile must contain is built from the
database's tree.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from vault.database.interface import Database
from vault.database.transaction import Transaction
from vault.domain.audit_log.anchor import PREFIX as ANCHORS
from vault.domain.audit_log.anchor import AnchorPlace, Relation, parse_location
from vault.domain.stored.account_object_name import PREFIX as ACCOUNTS
from vault.errors import NotFound, Tampered, Unavailable
from vault.ports.objects import ObjectStore
from vault.services.audit_log.checkpoints import root_of, shown, text_of
from vault.tlog.anchor_file import AnchorFile, decode_anchor
from vault.tlog.checkpoint import Checkpoint, open_checkpoint
from vault.tlog.hashing import HASH_BYTES, node_hash
from vault.tlog.note import Signer
from vault.tlog.tiles import HEIGHT, WIDTH, Tile, grown_tiles, read_bundle, write_bundle
from vault.tlog.tree import read_frontier

PREFIX = "log/"
CHECKPOINT = PREFIX + "checkpoint"
#: Retries if an anchor was replaced by a newer one after the listing.
_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """A whole log in the object store: its tiles, followed by the leaves of an anchor."""

    checkpoint: Checkpoint
    #: The signed note as stored.
    note: bytes
    #: None for a log published by a release without anchors.
    anchor: AnchorFile | None

    @property
    def place(self) -> AnchorPlace:
        """Return size and root in the form of an anchor's key."""
        return AnchorPlace(size=self.checkpoint.size, root=self.checkpoint.root, attempt="")

    @property
    def tiles(self) -> int:
        """Return how many leaves are in tiles; the others are in the anchor."""
        return self.checkpoint.size if self.anchor is None else self.anchor.start


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLog:
    """The log in the object store. Shared by services that compare it with the database."""

    database: Database
    objects: ObjectStore
    signer: Signer

    async def anchors(self) -> list[AnchorPlace]:
        """List the anchors, ordered by size. One listing request."""
        places = [parse_location(stored.key) async for stored in self.objects.list(ANCHORS)]
        return [place for place in places if place is not None]

    async def anchored(self, place: AnchorPlace) -> StoredLog:
        """Return the log of an anchor. Raises NotFound, Tampered if the content does not match the key."""
        anchor = decode_anchor(await self.objects.get(place.key), [self.signer.verifier])
        if (anchor.checkpoint.size, anchor.checkpoint.root) != (place.size, place.root):
            raise Tampered("An anchor does not hold the checkpoint that its key names.")
        return StoredLog(checkpoint=anchor.checkpoint, note=anchor.note, anchor=anchor)

    async def published(self) -> StoredLog | None:
        """Return the log published in tiles; None if it was never published. Raises Tampered."""
        try:
            note = await self.objects.get(CHECKPOINT)
        except NotFound:
            return None
        checkpoint = open_checkpoint(note, [self.signer.verifier])
        return StoredLog(checkpoint=checkpoint, note=note, anchor=None)

    async def newest(self) -> StoredLog | None:
        """Return the log up to the newest anchor; None if nothing was anchored or published.

        Raises Tampered for a wrong signature, a missing tile, or anchors of two histories.
        """
        for _ in range(_TRIES):
            places = await self.anchors()
            if not places:
                return await self.published()
            with suppress(NotFound):  # A newer one has replaced it since the listing.
                return await self._newest_of(places)
        raise Unavailable("The anchors of the access log are replaced faster than they can be read.")

    async def is_newer(self) -> bool:
        """Return whether the object store has more than the database, which is then old or empty.

        Raises Tampered if the two have different histories, or if a checkpoint is not the vault's.
        """
        standing = await self.compare(self.database)
        if standing is Relation.FORKED:
            raise Tampered(
                "The object store holds another history of the access log than the database: the database was "
                "set back to an earlier state and continued from there."
            )
        if standing is Relation.BEHIND:
            return True
        head, waiting = await self.database.read(lambda tx: (tx.tree.head(), tx.tree.waiting()))
        # Accounts in the store mean that there were events.
        return not head.size and not waiting and await self._any_account()

    async def compare(self, database: Database) -> Relation:
        """Compare a database's log with every anchor, or with the published checkpoint if there is no anchor."""
        for _ in range(_TRIES):
            with suppress(NotFound):
                return await self._compare(database)
        raise Unavailable("The anchors of the access log are replaced faster than they can be read.")

    async def strangers(self, database: Database, places: Sequence[AnchorPlace]) -> list[AnchorPlace]:
        """Return the listed anchors whose log is not a prefix of the database's log.

        The database is read after the listing: whatever it anchored before the listing is committed by now.
        """
        return await database.read(lambda tx: [place for place in places if not has(tx, place)])

    async def never_shown(
        self, database: Database, places: Sequence[AnchorPlace], strangers: Sequence[AnchorPlace]
    ) -> list[AnchorPlace]:
        """Return the strangers that no node has shown or ever will show.

        This is certain of an anchor that contradicts a checkpoint this database knows to be anchored: a node shows
        an anchor only after a listing without a contradiction, and since then every listing has one. Raises NotFound.
        """
        known = await database.read(shown)
        others = [place for place in places if place not in strangers]
        if known is None or all(place.size < known.size for place in others):
            return []
        root, found = text_of(known).root, list[AnchorPlace]()
        for place in strangers:
            if place.size > known.size:
                anchor = (await self.anchored(place)).anchor
                if anchor is None or anchor.start > known.size or anchor.root_at(known.size) == root:
                    continue
            found.append(place)
        return found

    async def _newest_of(self, places: Sequence[AnchorPlace]) -> StoredLog:
        strangers = await self.strangers(self.database, places)
        if len(places) > 1 and strangers:
            void = await self.never_shown(self.database, places, strangers)
            places = [place for place in places if place not in void]
        stored = await self.anchored(places[-1])
        for place in places:
            if await self.root_at(stored, place.size) != place.root:
                raise Tampered(
                    "The object store holds anchors of two histories of the access log, and the database knows "
                    f"neither: {place.key} and {places[-1].key}. Find out which database wrote each of them, "
                    "delete the anchors of the database to discard, and repeat."
                )
        return stored

    async def _compare(self, database: Database) -> Relation:
        places = await self.anchors()
        if places:
            strangers = await self.strangers(database, places)
            void = await self.never_shown(database, places, strangers) if strangers else []
            others = [await self.anchored(place) for place in strangers if place not in void]
        else:
            old = await self.published()
            others = [] if old is None or await database.read(lambda tx: has(tx, old.place)) else [old]
        if not others:
            return Relation.SAME
        head = await database.read(lambda tx: tx.tree.head())
        for other in others:
            if other.checkpoint.size <= head.size or await self.root_at(other, head.size) != head.root:
                return Relation.FORKED
        return Relation.BEHIND

    async def bundles(self, stored: StoredLog, start: int = 0) -> AsyncIterator[list[bytes]]:
        """Yield the leaves of a log from ``start`` on, at most 256 in a batch; the anchor's leaves are last.

        Files without such leaves are not read. Raises Tampered for a file that is too short or missing.
        """
        for tile in grown_tiles(min(start, stored.tiles), stored.tiles):
            if tile.level:
                break
            leaves = read_bundle(await self._file(tile, tile.bundle_path))
            if len(leaves) < tile.width:
                raise Tampered("A bundle of the published log is too short.")
            yield leaves[max(0, start - tile.start) : tile.width]
        if stored.anchor is not None:
            leaves = list(stored.anchor.leaves)[max(0, start - stored.anchor.start) :]
            for at in range(0, len(leaves), WIDTH):
                yield leaves[at : at + WIDTH]

    async def root_at(self, stored: StoredLog, size: int) -> bytes:
        """Return the root of the stored log at ``size`` leaves, at most its own size."""
        if stored.anchor is not None and size >= stored.anchor.start:
            return stored.anchor.root_at(size)
        return await self._root(size, stored.tiles)

    async def _root(self, size: int, published: int) -> bytes:
        """Return the root of the published log at ``size`` leaves."""
        wanted: list[tuple[int, int]] = []

        def note(level: int, index: int) -> bytes:
            wanted.append((level, index))
            return bytes(HASH_BYTES)

        # The nodes that form a root depend only on the size, so dummy hashes are enough to collect them.
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
        if any(len(digest) != HASH_BYTES for digest in hashes):
            raise Tampered("A tile of the published log is too short.")
        while len(hashes) > 1:
            hashes = [node_hash(a, b) for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
        return hashes[0]

    async def _file(self, tile: Tile, path: str) -> bytes:
        """Return a file of the log; a full tile may have replaced a partial one.

        Raises Tampered if neither exists: unlike anchors, files are never deleted otherwise.
        """
        keys = [PREFIX + path] if tile.full else [PREFIX + path, PREFIX + path.partition(".p/")[0]]
        for key in keys:
            with suppress(NotFound):
                return await self._whole(key)
        raise Tampered(f"A file of the published log is missing: {keys[-1]}.")

    async def _whole(self, key: str) -> bytes:
        # A bundle may exceed the limit of ``get``.
        return await self.objects.read(key, 0, await self.objects.size(key))

    async def _any_account(self) -> bool:
        async for _ in self.objects.list(ACCOUNTS):
            return True
        return False


def has(tx: Transaction, place: AnchorPlace) -> bool:
    """Return whether the tree of an anchor is a prefix of the database's tree, or equal to it."""
    return place.size <= tx.tree.head().size and root_of(tx, place.size) == place.root


def keys_of_tile(tile: Tile) -> Iterator[str]:
    """Yield the keys of a tile's files: the hashes, and on level 0 the leaves."""
    yield PREFIX + tile.path
    if not tile.level:
        yield PREFIX + tile.bundle_path


async def wanted_bytes(database: Database, tile: Tile, key: str) -> bytes:
    """Return the expected content of a tile's file. Raises Unavailable, Tampered if a leaf is missing."""
    end = tile.start + tile.width
    if key == PREFIX + tile.path:
        level = tile.level * HEIGHT
        return b"".join(await database.read(lambda tx: tx.tree.hashes(level, tile.start, end)))
    leaves = await database.read(lambda tx: tx.tree.leaves(tile.start, end))
    return write_bundle([leaf.leaf for leaf in leaves])


async def stored_bytes(objects: ObjectStore, key: str) -> bytes | None:
    """Return the stored content of a key; None if it is missing, or got shorter between two requests."""
    try:
        return await objects.read(key, 0, await objects.size(key))
    except (NotFound, Tampered):
        return None
