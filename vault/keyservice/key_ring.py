"""The key ring: a bounded cache of unwrapped account keys with a short TTL.

Unwrapping needs a request to the key service, and the current version needs a database query; without a
cache, every audio frame that is played would need both. So both results are cached for ``ttl`` seconds.
That is also how long a key can still be used here after it was disabled in the key service, or after
another node rotated it. Code that destroys or rotates a key on this node calls ``forget`` immediately.
Concurrent misses of one key share one unwrap call. Expired keys are removed from memory at the next
insertion; Python cannot overwrite them.
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

#: Seconds for which an unwrapped key is cached.
TTL = 300.0
#: Max unwrapped keys in the cache.
MAXIMUM = 1000

_OWN_KEY_UNUSABLE = "The account's own key cannot be used."

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
    """KeyRing for one root key, and for customer-managed keys of accounts that have one.

    ``now`` is a monotonic clock in seconds.
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
        """Start with an empty cache."""
        self.root = root
        self.wrapped = wrapped
        self.own_keys = own_keys
        self.ttl = ttl
        self.maximum = maximum
        self.now = now
        # Least recently used first. Each value is stored with its expiry time.
        self._keys: OrderedDict[_Slot, tuple[UnwrappedAccountKey, float]] = OrderedDict()
        self._current: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._unwrapping: dict[_Slot, asyncio.Task[UnwrappedAccountKey]] = {}
        # Number of ``forget`` calls: a result that was requested before the last one is not cached.
        self._forget_count = 0

    async def create(
        self, account_id: str, *, version: int = 1, own_key: str | None = None
    ) -> tuple[UnwrappedAccountKey, bytes]:
        """Create a version of an account's key (default: version 1); return the key and its wrapped form.

        Nothing is stored. Raises Invalid, Refused, Unavailable.
        """
        secret, context = secrets.token_bytes(KEY_BYTES), wrapping_context(account_id, version)
        inner = secret
        if own_key is not None:
            try:
                root = await self._own_root_key(own_key)
                inner = await root.wrap(secret, context)
            except Unavailable as error:
                raise Refused(f"{_OWN_KEY_UNUSABLE} {error}", reasons=("own_key_unusable",)) from error
        wrapped = await self.root.wrap(write_wrapping(Wrapping(secret=inner, own_key=own_key)), context)
        key = account_key(account_id, version, secret)
        return UnwrappedAccountKey(version=version, key=key, own_key=own_key), wrapped

    async def current(self, account_id: str) -> UnwrappedAccountKey:
        """Return the account's current key, for sealing. Raises NotFound, Tampered, Unavailable."""
        known = self._current.get(account_id)
        if known is not None and self.now() < known[1]:
            self._current.move_to_end(account_id)
            try:
                return await self.version(account_id, known[0])
            except NotFound:
                # Another node has rotated the key since, and the cached version is destroyed.
                self._current.pop(account_id, None)
        forget_count = self._forget_count
        version = await self.wrapped.current_version(account_id)
        if self._forget_count == forget_count:
            self._cache(self._current, account_id, version)
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
            task.add_done_callback(_retrieve_error)
            self._unwrapping[slot] = task
        # Shielded, because other callers may wait for it when this caller is cancelled.
        return await asyncio.shield(task)

    async def unwrap(self, account_id: str, version: int, wrapped: bytes) -> UnwrappedAccountKey:
        """Unwrap a key that has no row, without caching it. Raises Tampered, Unavailable."""
        context = wrapping_context(account_id, version)
        inner = read_wrapping(await self.root.unwrap(wrapped, context))
        secret = inner.secret
        if inner.own_key is not None:
            try:
                root = await self._own_root_key(inner.own_key)
                secret = await root.unwrap(inner.secret, context)
            except Unavailable as error:
                raise OwnKeyUnusable(f"{_OWN_KEY_UNUSABLE} {error}", retry_after=error.retry_after) from error
        if len(secret) != KEY_BYTES:
            raise Tampered("An unwrapped account key has the wrong length.")
        key = account_key(account_id, version, secret)
        return UnwrappedAccountKey(version=version, key=key, own_key=inner.own_key)

    def forget(self, account_id: str) -> None:
        """Remove every version of an account's key; results of running unwrap calls are not cached."""
        self._forget_count += 1
        self._current.pop(account_id, None)
        for slot in [slot for slot in self._keys if slot[0] == account_id]:
            del self._keys[slot]
        for slot in [slot for slot in self._unwrapping if slot[0] == account_id]:
            del self._unwrapping[slot]

    async def _own_root_key(self, own_key: str) -> RootKey:
        if self.own_keys is None:
            raise Unavailable(NONE_TAKEN, cause="keyservice")
        return await self.own_keys.named(own_key)

    async def _unwrap(self, account_id: str, version: int) -> UnwrappedAccountKey:
        slot = (account_id, version)
        try:
            wrapped = await self.wrapped.wrapped(account_id, version)
            key = await self.unwrap(account_id, version, wrapped)
            if self._unwrapping.get(slot) is asyncio.current_task():
                self._cache(self._keys, slot, key)
            return key
        finally:
            if self._unwrapping.get(slot) is asyncio.current_task():
                del self._unwrapping[slot]

    def _cache(self, entries: "OrderedDict[K, tuple[V, float]]", name: K, value: V) -> None:
        now = self.now()
        for expired in [slot for slot, (_, until) in entries.items() if until <= now]:
            del entries[expired]
        entries[name] = (value, now + self.ttl)
        entries.move_to_end(name)
        while len(entries) > self.maximum:
            entries.popitem(last=False)


def wrapping_context(account_id: str, version: int) -> dict[str, str]:
    """Return the context to which a wrapped account key is bound."""
    return of_account_key(account_id, version)


def _retrieve_error(task: "asyncio.Task[UnwrappedAccountKey]") -> None:
    """Retrieve the task's error, so that asyncio does not warn if every caller was cancelled."""
    if not task.cancelled():
        task.exception()
