"""Delete an account's objects in a vault that it left, or that it does not come to."""

from collections.abc import Sequence
from datetime import datetime

from vault.errors import ObjectLocked
from vault.ports.objects import ObjectStore
from vault.services.shared.gather_all import gathered

#: Objects per listing, and objects that are deleted at the same time.
_BATCH_SIZE, _AT_ONCE = 500, 16


async def delete_objects(
    store: ObjectStore, prefixes: Sequence[str], account_id: str, *, now: datetime
) -> int:
    """Delete all versions of an account's objects below these prefixes, and uploads that were begun before ``now``.

    Return how many objects a lock keeps: the slow scan of the sweep deletes them after their locks. Raises Unavailable.
    """
    kept = 0
    for prefix in prefixes:
        below = f"{prefix}{account_id}/"
        await store.abort_uploads(below, before=now)
        after = ""
        while keys := await _some(store, below, after):
            for at in range(0, len(keys), _AT_ONCE):
                kept += sum(await gathered([_is_kept(store, key) for key in keys[at : at + _AT_ONCE]]))
            after = keys[-1]
    return kept


async def _some(store: ObjectStore, prefix: str, after: str) -> list[str]:
    """Return the next keys, also of objects that only have older versions."""
    keys = dict[str, None]()
    async for version in store.versions(prefix, after=after):
        keys[version.key] = None
        if len(keys) > _BATCH_SIZE:
            break
    return list(keys)[:_BATCH_SIZE]


async def _is_kept(store: ObjectStore, key: str) -> bool:
    try:
        await store.delete(key)
    except ObjectLocked:
        return True
    return False
