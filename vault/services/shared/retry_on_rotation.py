"""Seal under the account key, or its month key, that is current when the row is written."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

from vault.errors import KeyRetired
from vault.ports.keys import AccountKey, KeyRing, SealingKey

T = TypeVar("T")
K = TypeVar("K", bound=SealingKey)

#: Two rotations of an account may overtake one request; each next rotation waits until the last one is done.
_TRIES: Final = 3


async def retry_if_rotated(ring: KeyRing, account_id: str, work: Callable[[AccountKey], Awaitable[T]]) -> T:
    """Let ``work`` seal under the account key and write; retry it if the account's key was rotated in between.

    The database refuses what was sealed under an older version, whatever this node has cached, so a rotation
    takes effect on every node immediately. Raises what ``work`` raises.
    """
    return await _retry(ring, account_id, lambda: ring.current(account_id), work, None)


async def retry_with_month_key(
    ring: KeyRing,
    account_id: str,
    at: datetime,
    work: Callable[[SealingKey], Awaitable[T]],
    *,
    first: SealingKey | None = None,
) -> T:
    """Let ``work`` seal under the month key of ``at``, as ``retry_if_rotated`` does under the account key.

    A caller that already holds the key passes it as ``first``, which saves a request to the key service.
    """
    return await _retry(ring, account_id, lambda: current_month_key(ring, account_id, at), work, first)


async def current_month_key(ring: KeyRing, account_id: str, at: datetime) -> SealingKey:
    """Return the key that seals data of the month of ``at`` now. Raises KeyRetired, NotFound, Unavailable."""
    current = await ring.current(account_id)
    return await ring.month_key_of(account_id, current.version, at)


async def _retry(
    ring: KeyRing,
    account_id: str,
    obtain: Callable[[], Awaitable[K]],
    work: Callable[[K], Awaitable[T]],
    first: K | None,
) -> T:
    for _ in range(_TRIES - 1):
        try:
            return await work(first or await obtain())
        except KeyRetired:
            ring.forget(account_id)
            first = None
    return await work(await obtain())
