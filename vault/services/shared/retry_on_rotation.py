"""Sealing under the key that is current when the row is written: a kernel that the verbs share."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from vault.errors import KeyRetired
from vault.ports.keys import AccountKey, KeyRing

T = TypeVar("T")

#: Rotations of one account that may overtake one request: a second one waits until the first is done.
_TRIES: Final = 3


async def retry_if_rotated(
    ring: KeyRing,
    account_id: str,
    work: Callable[[AccountKey], Awaitable[T]],
    *,
    first: AccountKey | None = None,
) -> T:
    """Let ``work`` seal and write, and do so anew where the account's key was rotated in between.

    The database refuses what was sealed under a version that is not current any more, whatever this node
    still believes; so a rotation holds on every node at once. Who has had the key in hand since before begins
    with that: the key service need not answer again. Raises what ``work`` raises.
    """
    for _ in range(_TRIES - 1):
        try:
            return await work(first or await ring.current(account_id))
        except KeyRetired:
            ring.forget(account_id)
            first = None
    return await work(await ring.current(account_id))
