"""Seal under the account key that is current when the row is written."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from vault.errors import KeyRetired
from vault.ports.keys import AccountKey, KeyRing

T = TypeVar("T")

#: Two rotations of an account may overtake one request; each next rotation waits until the last one is done.
_TRIES: Final = 3


async def retry_if_rotated(
    ring: KeyRing,
    account_id: str,
    work: Callable[[AccountKey], Awaitable[T]],
    *,
    first: AccountKey | None = None,
) -> T:
    """Let ``work`` seal and write; retry it if the account's key was rotated in between.

    The database refuses what was sealed under an older version, whatever this node has cached, so a rotation
    takes effect on every node immediately. A caller that already holds the key passes it as ``first``, which
    saves a request to the key service. Raises what ``work`` raises.
    """
    for _ in range(_TRIES - 1):
        try:
            return await work(first or await ring.current(account_id))
        except KeyRetired:
            ring.forget(account_id)
            first = None
    return await work(await ring.current(account_id))
