"""The key ring: a bounded cache of unwrapped account keys, which works for a limited time without the key service.

Unwrapping needs a request to the key service, and the current version needs a database query; without a
cache, every audio frame that is played would need both. A cached key can be used for ``ttl`` seconds after the key
that wraps it was last known to work: the root key for all accounts together, an account's own key for that account
(the root key too, because both unwrap it). ``refresh`` looks at that every REFRESH_INTERVAL. So a key service that is
sealed leaves every node the same time for all its accounts, and a disabled key is obeyed after it.

Every cached key is unwrapped again within about an hour, and leaves the ring when nobody used it for an hour. A
version that another node has destroyed leaves within _LOOK_EVERY seconds. Code that destroys or rotates a key on this
node calls ``forget`` immediately. Concurrent misses of one key share one unwrap call. Python cannot overwrite a key
that leaves the ring.
"""

import asyncio
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from time import monotonic
from typing import Final, TypeVar

from vault import metrics
from vault.domain.stored.encryption_context import of_account_key
from vault.errors import NotFound, OwnKeyUnusable, Refused, Tampered, Unavailable
from vault.keyservice.month_keys import MonthKeys, UnwrappedAccountKey, UnwrappedMonthKey
from vault.keyservice.own_keys import NONE_TAKEN, Wrapping, read_wrapping, write_wrapping
from vault.ports.keys import OwnKeys, RootKey, WrappedKeys
from vault.sealing.keys import KEY_BYTES, NamedKey, account_key

#: Seconds between two checks that the wrapping keys still work.
REFRESH_INTERVAL: Final = 10.0
#: Seconds by which a key outlives the promised time: two checks, and the timeout of a request in between.
SLACK: Final = 30.0
#: Seconds for which an unwrapped key can be used after the key that wraps it was last known to work.
TTL: Final = 300.0 + SLACK
#: Max unwrapped keys in the cache; about 2 KB each with its month keys.
MAXIMUM: Final = 10_000
#: Seconds within which every key is unwrapped again, and after which an unused key leaves.
_UNWRAPPED_AGAIN: Final = 3600.0
_IDLE: Final = 3600.0
#: Seconds between two checks for versions that another node has destroyed, and how far back each check goes.
_LOOK_EVERY: Final = 60.0
_LOOK_BACK: Final = 600.0
#: Refreshing unwraps so many keys concurrently, so that misses find the breaker's other slots.
_AT_ONCE: Final = 2

_OWN_KEY_UNUSABLE = "The account's own key cannot be used."

K = TypeVar("K")
V = TypeVar("V")
_Slot = tuple[str, int]


@dataclass(slots=True)
class _Entry:
    """A cached key. Times are those of the ring's clock."""

    key: UnwrappedAccountKey
    #: When its last unwrapping began.
    unwrapped: float
    used: float


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
        self.months = MonthKeys(wrapped, self.version, maximum=2 * maximum)
        # Least recently used first; current versions with their expiry times.
        self._keys: OrderedDict[_Slot, _Entry] = OrderedDict()
        self._current: OrderedDict[str, tuple[int, float]] = OrderedDict()
        # When the last request began that the root key answered.
        self._root_worked = -math.inf
        self._next_look = -math.inf
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
            self._cache(self._current, account_id, (version, self.now() + self.ttl))
        return await self.version(account_id, version)

    async def version(self, account_id: str, version: int) -> UnwrappedAccountKey:
        """Return one version of the key. Raises NotFound, Tampered, Unavailable."""
        slot = (account_id, version)
        known, now = self._keys.get(slot), self.now()
        if known is not None and now < self._ends(known):
            known.used = now
            self._keys.move_to_end(slot)
            metrics.KEY_RING.labels("hit").inc()
            return known.key
        metrics.KEY_RING.labels("miss").inc()
        return await self._unwrapped_once(slot)

    async def month_key(self, account_id: str, key_id: str) -> NamedKey:
        """Return a month key, to open data that it sealed. Raises NotFound, Tampered, Unavailable."""
        return await self.months.open(account_id, key_id)

    async def month_key_of(self, account_id: str, version: int, at: datetime) -> UnwrappedMonthKey:
        """Return a key of the month of ``at``, created under this version of the account key; create it if missing.

        Raises KeyRetired if one is missing and another version is current, NotFound, Tampered, Unavailable.
        """
        return await self.months.of_month(account_id, version, at)

    async def refresh(self) -> None:
        """Check that the wrapping keys still work, by unwrapping the keys that were unwrapped longest ago.

        Call it every REFRESH_INTERVAL. Each account's own key is checked, and the root key with a part of the other
        keys, so that each of those is unwrapped again within about an hour.
        """
        now = self.now()
        for slot, entry in list(self._keys.items()):
            if now >= min(self._ends(entry), entry.used + _IDLE):
                del self._keys[slot]
        if self._keys and now >= self._next_look:
            await self._drop_destroyed(now)
        # Every second time: each costs requests to two key services.
        owned = [
            slot
            for slot, entry in self._keys.items()
            if entry.key.own_key is not None and now - entry.unwrapped > REFRESH_INTERVAL
        ]
        others = [slot for slot, entry in self._keys.items() if entry.key.own_key is None]
        part = math.ceil(len(others) * REFRESH_INTERVAL / _UNWRAPPED_AGAIN)
        waiting = iter(nsmallest(part, others, key=lambda slot: self._keys[slot].unwrapped) + owned)
        await asyncio.gather(*[self._refresh_all(waiting) for _ in range(_AT_ONCE)])

    async def keep_fresh(self) -> None:
        """Call ``refresh`` every REFRESH_INTERVAL, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_INTERVAL)
            await self.refresh()

    async def _drop_destroyed(self, now: float) -> None:
        with suppress(Unavailable):
            for slot in await self.wrapped.destroyed(_LOOK_BACK):
                self._keys.pop(slot, None)
            self._next_look = now + _LOOK_EVERY

    async def _refresh_all(self, waiting: Iterator[_Slot]) -> None:
        for slot in waiting:
            try:
                await self._unwrapped_once(slot)
            except Unavailable:
                continue  # It can be used until it expires; the next refresh tries again.
            except (NotFound, Tampered):
                self._keys.pop(slot, None)

    def _ends(self, entry: _Entry) -> float:
        """Return the time from which a cached key cannot be used."""
        worked = entry.unwrapped if entry.key.own_key else max(entry.unwrapped, self._root_worked)
        return worked + self.ttl

    async def _unwrapped_once(self, slot: _Slot) -> UnwrappedAccountKey:
        task = self._unwrapping.get(slot)
        if task is None:
            task = asyncio.create_task(self._unwrap(*slot))
            task.add_done_callback(_retrieve_error)
            self._unwrapping[slot] = task
        # Shielded, because other callers may wait for it when this caller is cancelled.
        return await asyncio.shield(task)

    async def unwrap(self, account_id: str, version: int, wrapped: bytes) -> UnwrappedAccountKey:
        """Unwrap a key that has no row, without caching it. Raises Tampered, Unavailable."""
        context, began = wrapping_context(account_id, version), self.now()
        inner = read_wrapping(await self.root.unwrap(wrapped, context))
        self._root_worked = max(self._root_worked, began)
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
        """Remove every version of an account's key, and its month keys; results of running calls are not cached."""
        self._forget_count += 1
        self.months.forget(account_id)
        self._current.pop(account_id, None)
        for slot in [slot for slot in self._keys if slot[0] == account_id]:
            del self._keys[slot]
        for slot in [slot for slot in self._unwrapping if slot[0] == account_id]:
            del self._unwrapping[slot]

    def forget_all(self) -> None:
        """Remove every key; results of running calls are not cached."""
        self._forget_count += 1
        self.months.forget_all()
        self._current.clear()
        self._keys.clear()
        self._unwrapping.clear()

    async def _own_root_key(self, own_key: str) -> RootKey:
        if self.own_keys is None:
            raise Unavailable(NONE_TAKEN, cause="keyservice")
        return await self.own_keys.named(own_key)

    async def _unwrap(self, account_id: str, version: int) -> UnwrappedAccountKey:
        slot = (account_id, version)
        try:
            began = self.now()
            wrapped = await self.wrapped.wrapped(account_id, version)
            key = await self.unwrap(account_id, version, wrapped)
            if self._unwrapping.get(slot) is asyncio.current_task():
                before = self._keys.get(slot)
                # A refresh is no use.
                used = began if before is None else before.used
                self._cache(self._keys, slot, _Entry(key=key, unwrapped=began, used=used))
            return key
        finally:
            if self._unwrapping.get(slot) is asyncio.current_task():
                del self._unwrapping[slot]

    def _cache(self, entries: "OrderedDict[K, V]", name: K, value: V) -> None:
        if name not in entries and len(entries) >= self.maximum:
            entries.popitem(last=False)
        entries[name] = value


def wrapping_context(account_id: str, version: int) -> dict[str, str]:
    """Return the context to which a wrapped account key is bound."""
    return of_account_key(account_id, version)


def _retrieve_error(task: "asyncio.Task[UnwrappedAccountKey]") -> None:
    """Retrieve the task's error, so that asyncio does not warn if every caller was cancelled."""
    if not task.cancelled():
        task.exception()
