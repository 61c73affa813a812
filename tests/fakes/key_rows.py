"""Wrapped keys in memory, and a key ring over them with a clock that a test sets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.fakes.own_keys import FakeOwnKeys
from tests.fakes.root_key import FakeRootKey
from vault.domain.accounts.account_keys import WrappedMonthKey
from vault.errors import KeyRetired, NotFound
from vault.keyservice.key_ring import AccountKeyRing, wrapping_context


@dataclass
class Rows:
    """WrappedKeys in memory, which can be made to wait, and counts how often it was asked."""

    keys: dict[tuple[str, int], bytes] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    gone: list[tuple[str, int]] = field(default_factory=list)
    months: dict[tuple[str, str], WrappedMonthKey] = field(default_factory=dict)

    async def current_version(self, account_id: str) -> int:
        """Return the version, as it was when asked."""
        self.asked.append(f"current {account_id}")
        version = self.versions.get(account_id)
        await self.gate.wait()
        if version is None:
            raise NotFound("There is no such account.")
        return version

    async def wrapped(self, account_id: str, version: int) -> bytes:
        """Return the wrapped key, as it was when asked."""
        self.asked.append(f"{account_id} v{version}")
        wrapped = self.keys.get((account_id, version))
        await self.gate.wait()
        if wrapped is None:
            raise NotFound("There is no such key.")
        return wrapped

    async def destroyed(self, seconds: float) -> list[tuple[str, int]]:
        """Return what a test says was destroyed of late."""
        assert seconds >= 300, "A node may have had no database for some minutes."
        return self.gone

    async def month_key(self, account_id: str, key_id: str) -> WrappedMonthKey:
        """Return a month key."""
        self.asked.append(f"month key {account_id}")
        await self.gate.wait()
        if (account_id, key_id) not in self.months:
            raise NotFound("There is no such month key.")
        return self.months[account_id, key_id]

    async def month_keys(self, account_id: str, number: int, first: str, last: str) -> list[WrappedMonthKey]:
        """Return the keys of these months that were created under this version."""
        self.asked.append(f"months {account_id} {first} {last}")
        found = [key for (owner, _), key in self.months.items() if owner == account_id]
        await self.gate.wait()
        return [key for key in found if key.number == number and first <= key.month <= last]

    async def add_month_keys(self, account_id: str, keys: Sequence[WrappedMonthKey]) -> None:
        """Store month keys, unless the version that wraps them is retired."""
        self.asked.append(f"add {len(keys)}")
        if any(key.key_version != self.versions[account_id] for key in keys):
            raise KeyRetired
        self.months |= {(account_id, key.id): key for key in keys}


@dataclass
class Ring:
    """A ring with all its parts. ``time`` is what its clock shows."""

    time: float = 0.0
    maximum: int = 3
    root: FakeRootKey = field(default_factory=FakeRootKey)
    rows: Rows = field(default_factory=Rows)
    own_keys: FakeOwnKeys = field(default_factory=FakeOwnKeys)

    def __post_init__(self) -> None:
        """Make the ring."""
        self.rows.gate.set()
        self.ring = AccountKeyRing(
            self.root, self.rows, ttl=300, maximum=self.maximum, own_keys=self.own_keys, now=lambda: self.time
        )

    async def account(self, account_id: str, own_key: str | None = None) -> None:
        """Open an account."""
        _, self.rows.keys[account_id, 1] = await self.ring.create(account_id, own_key=own_key)
        self.rows.versions[account_id] = 1

    async def rotate(self, account_id: str) -> None:
        """Give the account another version."""
        version = self.rows.versions[account_id] + 1
        wrapped = await self.root.wrap(bytes(32), wrapping_context(account_id, version))
        self.rows.keys[account_id, version] = wrapped
        self.rows.versions[account_id] = version
