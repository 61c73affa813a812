"""Copy the sealed objects of an account into the store of another vault, and compare them there.

Manifests, tombstones and the object of the account are not copied: the other vault writes its own, from the rows.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from vault.domain.progress import ProgressCallback
from vault.domain.requests.package import PREFIX as PACKAGES
from vault.errors import NotFound, Tampered
from vault.ports.objects import ObjectStore

#: Where an account's sealed objects are that are copied.
COPIED: Final = ("recordings/", "prompts/", PACKAGES)
_BLOCK: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a round found and copied."""

    objects: int
    #: Bytes of what the other store lacked.
    size: int


async def copy_objects(
    here: ObjectStore, there: ObjectStore, account_id: str, progress: ProgressCallback
) -> Copied:
    """Copy what ``there`` lacks. Raises Tampered for a copy that differs, Unavailable."""
    objects = size = 0
    for prefix in COPIED:
        async for found in here.list(f"{prefix}{account_id}/"):
            objects += 1
            if await _size(there, found.key) != found.size:
                await _copy(here, there, found.key, found.size)
                size += found.size
            await progress("objects", objects, 0)
    return Copied(objects=objects, size=size)


async def _size(store: ObjectStore, key: str) -> int | None:
    try:
        return await store.size(key)
    except NotFound:
        return None


async def _copy(here: ObjectStore, there: ObjectStore, key: str, size: int) -> None:
    wanted = hashlib.sha256()
    writer = await there.create(key)
    try:
        async for block in _blocks(here, key, size):
            wanted.update(block)
            await writer.write(block)
        await writer.finish()
    except BaseException:
        await writer.abort()
        raise
    copied = hashlib.sha256()
    async for block in _blocks(there, key, size):
        copied.update(block)
    if not hmac.compare_digest(copied.digest(), wanted.digest()):
        raise Tampered(f"The copy of {key} in the other store differs from the object here.")


async def _blocks(store: ObjectStore, key: str, size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, _BLOCK):
        yield await store.read(key, start, min(start + _BLOCK, size))
