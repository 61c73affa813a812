"""The files of the published log as they should be, made of the tree. A kernel that the verbs share."""

from collections.abc import Iterator

from vault.errors import NotFound, Tampered
from vault.ports.database import Database
from vault.ports.objects import ObjectStore
from vault.services.audit_log.published_tiles import PREFIX
from vault.tlog.tiles import HEIGHT, Tile, write_bundle


def keys_of(tile: Tile) -> Iterator[str]:
    """Yield the keys of a tile's files: the hashes, and at the bottom the leaves."""
    yield PREFIX + tile.path
    if not tile.level:
        yield PREFIX + tile.bundle_path


async def wanted_bytes(database: Database, tile: Tile, key: str) -> bytes:
    """Return what should lie under a key of a tile. Raises Unavailable, Tampered if a leaf is missing."""
    end = tile.start + tile.width
    if key == PREFIX + tile.path:
        level = tile.level * HEIGHT
        return b"".join(await database.read(lambda tx: tx.tree.hashes(level, tile.start, end)))
    leaves = await database.read(lambda tx: tx.tree.leaves(tile.start, end))
    return write_bundle([one.leaf for one in leaves])


async def stored_bytes(objects: ObjectStore, key: str) -> bytes | None:
    """Return what lies under a key; None if it is not there, or was cut between two requests."""
    try:
        return await objects.read(key, 0, await objects.size(key))
    except (NotFound, Tampered):
        return None
