"""The key ring: account keys, unwrapped, for a short time and in a bounded number.

Unwrapping asks the key service, and the current version asks the database; both would be on the way of
every frame that is played. So both answers are kept for ``ttl`` seconds. That is also how long a key
lives on here after it was disabled in the key service, or after another node has rotated it;
whoever destroys or rotates a key on this node calls ``forget`` at once. Requests that miss
at the same time share one unwrapping. Expired keys leave memory at the next miss; Python cannot
overwrite them, and this does not claim to.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from vault import metrics
from vault.domain.stored.encryption_context import of_account_key
from vault.errors import NotFound, OwnKeyUnusable, Refused, Tampered, Unavailable
from vault.keyservice.own_keys import NONE_TAKEN, Wrapping, read_wrapping, write_wrapping
from vault.ports.keys import OwnKeys, RootKey, WrappedKeys
from vault.sealing.keys import KEY_BYTES, NamedKey, account_key

#: Seconds for which an unwrapped key is kept.
TTL = 300.0
#: Unwrapped keys kept at once.
MAXIMUM = 1000

_OWN = "The account's own key cannot be used."

K = TypeVar("K")
V = TypeVar("V")
_Slot = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwrappedAccountKey:
    """One version of an account's key."""

    version: int
    key: NamedKey
    own_key: str | None = None


class AccountKeyRing:
    """KeyRing below one root key, and below the accounts' own keys where they have one.

    ``now`` is a clock that never goes back, in seconds.
    """

    def __init__(
        self,
        root: RootKey,
        wrapped: WrappedKeys,
        *,
        own_keys: OwnKeys | None = None,
        ttl: float = TTL,
        maximum: int = MAXIMUM,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Begin with an empty ring."""
        self.root = root
        self.wrapped = wrapped
        self.own_keys = own_keys
        self.ttl = ttl
        self.maximum = maximum
        self.now = now
        # Least recently used first. Each value comes with the moment at which it expires.
        self._keys: OrderedDict[_Slot, tuple[UnwrappedAccountKey, float]] = OrderedDict()
        self._current: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._unwrapping: dict[_Slot, asyncio.Task[UnwrappedAccountKey]] = {}
        # Counts the calls of ``forget``: an answer that one of them overtook is not kept.
        self._forgotten = 0

    async def create(
        self, account_id: str, *, version: int = 1, own_key: str | None = None
    ) -> tuple[UnwrappedAccountKey, bytes]:
        """Make a version of an account's key, the first unless told; return it, and wrapped.

        Nothing knows of it yet. Raises Invalid, Refused, Unavailable.
        """
        secret, context = secrets.token_bytes(KEY_BYTES), wrapping_context(account_id, version)
        inner = secret
        if own_key is not None:
            try:
                root = await self._own(own_key)
                inner = await root.wrap(secret, context)
            except Unavailable as error:
                raise Refused(f"{_OWN} {error}", reasons=("own_key_unusable",)) from error
        wrapped = await self.root.wrap(write_wrapping(Wrapping(secret=inner, own_key=own_key)), context)
        key = account_key(account_id, version, secret)
        return UnwrappedAccountKey(version=version, key=key, own_key=own_key), wrapped

    async def current(self, account_id: str) -> UnwrappedAccountKey:
        """Return the key that seals what comes now. Raises NotFound, Tampered, Unavailable."""
        known = self._current.get(account_id)
        if known is not None and self.now() < known[1]:
            self._current.move_to_end(account_id)
            try:
                return await self.version(account_id, known[0])
            except NotFound:
                # Another node rotated the key since, and the version that was current is destroyed.
                self._current.pop(account_id, None)
        forgotten = self._forgotten
        version = await self.wrapped.current_version(account_id)
        if self._forgotten == forgotten:
            self._keep(self._current, account_id, version)
        return await self.version(account_id, version)

    async def version(self, account_id: str, version: int) -> UnwrappedAccountKey:
        """Return one version of the key. Raises NotFound, Tampered, Unavailable."""
        slot = (account_id, version)
        known = self._keys.get(slot)
        if known is not None and self.now() < known[1]:
            self._keys.move_to_end(slot)
            metrics.KEY_RING.labels("hit").inc()
            return known[0]
        metrics.KEY_RING.labels("miss").inc()
        task = self._unwrapping.get(slot)
        if task is None:
            task = asyncio.create_task(self._unwrap(account_id, version))
            task.add_done_callback(_seen)
            self._unwrapping[slot] = task
        # Shielded, because others may wait for it when this caller is cancelled.
        return await asyncio.shield(task)

    async def unwrap(self, account_id: str, version: int, wrapped: bytes) -> UnwrappedAccountKey:
        """Unwrap a key that has no row, and keep nothing of it. Raises Tampered, Unavailable."""
        context = wrapping_context(account_id, version)
        inner = read_wrapping(await self.root.unwrap(wrapped, context))
        secret = inner.secret
        if inner.own_key is not None:
            try:
                root = await self._own(inner.own_key)
                secret = await root.unwrap(inner.secret, context)
            except Unavailable as error:
                raise OwnKeyUnusable(f"{_OWN} {error}", retry_after=error.retry_after) from error
        if len(secret) != KEY_BYTES:
            raise Tampered("An unwrapped account key has the wrong length.")
        key = account_key(account_id, version, secret)
        return UnwrappedAccountKey(version=version, key=key, own_key=inner.own_key)

    def forget(self, account_id: str) -> None:
        """Drop every version of an account's key; what is being unwrapped now will not be kept."""
        self._forgotten += 1
        self._current.pop(account_id, None)
        for slot in [slot for slot in self._keys if slot[0] == account_id]:
            del self._keys[slot]
        for slot in [slot for slot in self._unwrapping if slot[0] == account_id]:
            del self._unwrapping[slot]

    async def _own(self, own_key: str) -> RootKey:
        if self.own_keys is None:
            raise Unavailable(NONE_TAKEN, cause="keyservice")
        return await self.own_keys.named(own_key)

    async def _unwrap(self, account_id: str, version: int) -> UnwrappedAccountKey:
        slot = (account_id, version)
        try:
            wrapped = await self.wrapped.wrapped(account_id, version)
            key = await self.unwrap(account_id, version, wrapped)
            if self._unwrapping.get(slot) is asyncio.current_task():
                self._keep(self._keys, slot, key)
            return key
        finally:
            if self._unwrapping.get(slot) is asyncio.current_task():
                del self._unwrapping[slot]

    def _keep(self, kept: "OrderedDict[K, tuple[V, float]]", name: K, value: V) -> None:
        now = self.now()
        for expired in [slot for slot, (_, until) in kept.items() if until <= now]:
            del kept[expired]
        kept[name] = (value, now + self.ttl)
        kept.move_to_end(name)
        while len(kept) > self.maximum:
            kept.popitem(last=False)


def wrapping_context(account_id: str, version: int) -> dict[str, str]:
    """Return the context to which a wrapped account key is bound."""
    return of_account_key(account_id, version)


def _seen(task: "asyncio.Task[UnwrappedAccountKey]") -> None:
    """Mark an error as seen, for every caller may have been cancelled by now."""
    if not task.cancelled():
        task.exception()
