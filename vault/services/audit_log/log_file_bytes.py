"""The expected files of the published log, built from the database's tree. Shared by services."""

from collections.abc import Iterator

from vault.database.interface import Database
from vault.errors import NotFound, Tampered
from vault.ports.objects import ObjectStore
from vault.services.audit_log.published_tiles import PREFIX
from vault.tlog.tiles import HEIGHT, Tile, write_bundle


def keys_of(tile: Tile) -> Iterator[str]:
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
