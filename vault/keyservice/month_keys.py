"""Month keys: found by their ids or created, cached in wrapped form, and unwrapped by the cached account key.

An unwrapped month key is part of the unwrapped account key that wraps it, so both leave memory together. Unwrapping one
takes some 30 microseconds and no request.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from vault.domain.accounts.account_keys import WrappedMonthKey, month_after, month_of, new_month_key_id
from vault.domain.stored.encryption_context import of_month_key
from vault.errors import NotFound, Tampered
from vault.ports.keys import WrappedKeys
from vault.sealing.keys import KEY_BYTES, NamedKey, month_key
from vault.sealing.wrapping import unwrap, wrap

#: Returns one version of an account's key.
_Version = Callable[[str, int], Awaitable["UnwrappedAccountKey"]]
#: An account, a version of its key, and a month.
_Month = tuple[str, int, str]
S = TypeVar("S", tuple[str, str], _Month)
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class UnwrappedAccountKey:
    """One version of an account's key. What others unwrap with it is dropped with it."""

    version: int
    key: NamedKey
    own_key: str | None = None
    #: As a sealing key, it is no month key.
    month_key: None = None
    #: The month keys that it has unwrapped, by id.
    month_keys: dict[str, NamedKey] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnwrappedMonthKey:
    """A month key, and the version of the account key that must be current when it seals."""

    version: int
    key: NamedKey
    month_key: str


class MonthKeys:
    """The month keys of all accounts; ``maximum`` is the number of wrapped keys in the cache."""

    def __init__(self, stored: WrappedKeys, version: _Version, *, maximum: int) -> None:
        """Start with an empty cache."""
        self.stored = stored
        self.version = version
        self.maximum = maximum
        # Least recently used first: by account and id, and the ids by account, version and month.
        self._wrapped: OrderedDict[tuple[str, str], WrappedMonthKey] = OrderedDict()
        self._ids: OrderedDict[_Month, str] = OrderedDict()
        self._finding: dict[_Month, asyncio.Task[str]] = {}

    async def open(self, account_id: str, key_id: str) -> NamedKey:
        """Return a month key. Raises NotFound, Tampered, Unavailable."""
        slot = (account_id, key_id)
        known = self._wrapped.get(slot)
        if known is not None:
            self._wrapped.move_to_end(slot)
            try:
                return _unwrapped(account_id, known, await self.version(account_id, known.key_version))
            except NotFound:
                del self._wrapped[slot]  # That version is destroyed, so a newer one wraps the key.
        known = await self.stored.month_key(account_id, key_id)
        key = _unwrapped(account_id, known, await self.version(account_id, known.key_version))
        self._keep(known, account_id)
        return key

    async def of_month(self, account_id: str, version: int, at: datetime) -> UnwrappedMonthKey:
        """Return the key of a month that was created under this version of the account key; create it if missing.

        Raises KeyRetired if it is missing and another version is current, NotFound, Tampered, Unavailable.
        """
        slot = (account_id, version, month_of(at))
        key_id = self._ids.get(slot)
        if key_id is None:
            key_id = await self._find_once(slot, at)
        else:
            self._ids.move_to_end(slot)
        return UnwrappedMonthKey(version=version, key=await self.open(account_id, key_id), month_key=key_id)

    def forget(self, account_id: str) -> None:
        """Remove the month keys of an account; the result of a running search is not cached."""
        _drop(self._wrapped, account_id)
        _drop(self._ids, account_id)
        _drop(self._finding, account_id)

    def forget_all(self) -> None:
        """Remove the month keys of every account, as ``forget`` does."""
        for entries in (self._wrapped, self._ids, self._finding):
            entries.clear()

    async def _find_once(self, slot: _Month, at: datetime) -> str:
        """Share one search, and one creation, between concurrent callers."""
        task = self._finding.get(slot)
        if task is None:
            task = self._finding[slot] = asyncio.create_task(self._find(slot, at))
            task.add_done_callback(lambda done: self._found(slot, done))
        # Shielded, because other callers may wait for it when this caller is cancelled.
        return await asyncio.shield(task)

    async def _find(self, slot: _Month, at: datetime) -> str:
        account_id, version, _ = slot
        found = await self._stored(account_id, version, at)
        if self._finding.get(slot) is asyncio.current_task():
            self._keep(found, account_id)
            self._ids[slot] = found.id
            while len(self._ids) > self.maximum:
                self._ids.popitem(last=False)
        return found.id

    def _found(self, slot: _Month, task: "asyncio.Task[str]") -> None:
        if self._finding.get(slot) is task:
            del self._finding[slot]
        if not task.cancelled():
            task.exception()  # Retrieved, so that asyncio does not warn if every caller was cancelled.

    async def _stored(self, account_id: str, version: int, at: datetime) -> WrappedMonthKey:
        months = (month_of(at), month_after(at))
        # Two nodes may create keys of one month; both stay, and each node uses its own.
        found = {key.month: key for key in await self.stored.month_keys(account_id, version, *months)}
        missing = [month for month in months if month not in found]
        if missing:
            account_key = await self.version(account_id, version)
            new = [_create(account_id, account_key, month) for month in missing]
            await self.stored.add_month_keys(account_id, new)
            found |= {key.month: key for key in new}
        return found[months[0]]

    def _keep(self, key: WrappedMonthKey, account_id: str) -> None:
        self._wrapped[account_id, key.id] = key
        while len(self._wrapped) > self.maximum:
            self._wrapped.popitem(last=False)


def _drop(entries: MutableMapping[S, V], account_id: str) -> None:
    for slot in [slot for slot in entries if slot[0] == account_id]:
        del entries[slot]


def _create(account_id: str, account_key: UnwrappedAccountKey, month: str) -> WrappedMonthKey:
    key_id = new_month_key_id(month)
    wrapped = wrap(account_key.key, secrets.token_bytes(KEY_BYTES), of_month_key(account_id, key_id))
    return WrappedMonthKey(
        id=key_id, number=account_key.version, wrapped=wrapped, key_version=account_key.version
    )


def _unwrapped(account_id: str, known: WrappedMonthKey, account_key: UnwrappedAccountKey) -> NamedKey:
    key = account_key.month_keys.get(known.id)
    if key is None:
        secret = unwrap(account_key.key, known.wrapped, of_month_key(account_id, known.id))
        if len(secret) != KEY_BYTES:
            raise Tampered("An unwrapped month key has the wrong length.")
        key = account_key.month_keys[known.id] = month_key(account_id, known.id, secret)
    return key
