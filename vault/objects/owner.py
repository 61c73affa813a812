"""Whose prefix this is: a marker that keeps two vaults from sharing one.

Two vaults below one prefix would each take the other's objects for garbage and sweep them away. So a
vault writes its id before anything else, and a new database over the prefix of another vault does
not start. The marker is never rewritten.
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
    """Put this vault's marker if there is none, else compare.

    Raises StartRefused if the prefix belongs to another vault or its marker cannot be read,
    Unavailable if the store does not answer.
    """
    if _VAULT_ID.fullmatch(vault_id) is None:
        raise ValueError("A vault id has 1 to 64 letters, digits, '_' or '-'.")
    marker = json.dumps({"format": FORMAT, "vault_id": vault_id}).encode()
    try:
        # A store without room still holds recordings to be heard and erased, so nothing is written in vain.
        await store.get(OWNER)
    except NotFound:
        await store.put(OWNER, marker, if_absent=True)
    # Read also after a put that won: a store that ignores the condition would let two vaults win.
    owner = await _owner(store)
    if owner != vault_id:
        raise _foreign(owner, f"not to this one ({vault_id})")


async def refuse_owned(store: ObjectStore) -> None:
    """Raise StartRefused if any vault has its marker here: whoever asks has no vault yet."""
    try:
        await store.get(OWNER)
    except NotFound:
        return
    raise _foreign(await _owner(store), "and the database is new")


def _foreign(owner: str, other: str) -> StartRefused:
    return StartRefused(
        f"The object store belongs to another vault ({owner}), {other}. Point VAULT_OBJECTS_URL at a prefix of "
        "its own, or use the database that belongs to it; if that database is lost, `callvault restore` makes "
        "it anew."
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
