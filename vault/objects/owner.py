"""The owner of a prefix: a marker that prevents two vaults from sharing one.

Two vaults with one prefix would each delete the other's objects as orphans. So a vault writes its id first,
and a vault with a new database does not start on the prefix of another vault. The marker is never rewritten.
"""

import json
import re

from vault.errors import NotFound, StartRefused, Tampered
from vault.ports.objects import ObjectStore

#: The key of the marker.
OWNER = "owner.json"
FORMAT = "callvault-owner/v1"

_VAULT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def claim(store: ObjectStore, vault_id: str) -> None:
    """Write this vault's marker if there is none, else compare it.

    Raises StartRefused if the prefix belongs to another vault or its marker cannot be read,
    Unavailable if the store does not answer.
    """
    if _VAULT_ID.fullmatch(vault_id) is None:
        raise ValueError("vault_id must have 1 to 64 letters, digits, '_' or '-'.")
    marker = json.dumps({"format": FORMAT, "vault_id": vault_id}).encode()
    try:
        # Read first: a full store must still open, so that its recordings can be played and erased.
        await store.get(OWNER)
    except NotFound:
        await store.put(OWNER, marker, if_absent=True)
    # Read also after a successful put: with a store that ignores the condition, two vaults could succeed.
    owner = await _owner(store)
    if owner != vault_id:
        raise _foreign(owner, f"not to this one ({vault_id})")


async def require_owner(store: ObjectStore, vault_id: str) -> None:
    """Compare the marker, and write nothing. Raises StartRefused for a missing one or another vault's, Unavailable."""
    try:
        await store.get(OWNER)
    except NotFound as error:
        raise StartRefused(
            f"The object store has no marker {OWNER}, so it is not that of this vault. Correct VAULT_OBJECTS_URL; if "
            "the marker was deleted, the next start of `callvault serve` writes it again."
        ) from error
    owner = await _owner(store)
    if owner != vault_id:
        raise _foreign(owner, f"not to this one ({vault_id})")


async def refuse_owned(store: ObjectStore) -> None:
    """Raise StartRefused if the prefix has the marker of any vault: for a caller whose database is new."""
    try:
        await store.get(OWNER)
    except NotFound:
        return
    raise _foreign(await _owner(store), "and the database is new")


def _foreign(owner: str, other: str) -> StartRefused:
    return StartRefused(
        f"The object store belongs to another vault ({owner}), {other}. Point VAULT_OBJECTS_URL at an unused "
        "prefix, or use the database of the other vault; if that database is lost, `callvault restore` "
        "rebuilds it."
    )


async def _owner(store: ObjectStore) -> str:
    try:
        marker = json.loads(await store.get(OWNER))
    except (NotFound, Tampered, ValueError, RecursionError) as error:
        raise _unreadable() from error
    owner = marker.get("vault_id") if isinstance(marker, dict) else None
    if owner is None or marker.get("format") != FORMAT or _VAULT_ID.fullmatch(str(owner)) is None:
        raise _unreadable()
    return str(owner)


def _unreadable() -> StartRefused:
    return StartRefused(
        f"The marker {OWNER} in the object store cannot be understood. Nothing was changed. Point "
        "VAULT_OBJECTS_URL at another prefix, or restore the marker from a backup of the bucket."
    )
