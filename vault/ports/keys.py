"""The root key, which never leaves its service, and the account keys that it wraps."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from vault.domain.accounts.account_keys import WrappedMonthKey
from vault.sealing.keys import NamedKey


class RootKey(Protocol):
    """The root key. It wraps account keys and the log key, and never leaves its service."""

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret`` (at most 1 KiB), bound to ``context``.

        Raises Unavailable, and Tampered if the service's response cannot be unwrapped.
        """

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap the result of ``wrap`` under the same context.

        Raises Tampered for another key, other bytes or another context; Unavailable if the service does not respond.
        """


class OwnKeys(Protocol):
    """Customer-managed keys of accounts, outside the vault, by name."""

    async def named(self, own_key: str) -> RootKey:
        """Return the key with this name. Raises Invalid for an invalid name, Unavailable where none are configured."""


class WrappedKeys(Protocol):
    """The store of wrapped account keys, which the database provides to the key ring."""

    async def current_version(self, account_id: str) -> int:
        """Return the version that seals new data. Raises NotFound for an unknown account."""

    async def wrapped(self, account_id: str, version: int) -> bytes:
        """Return the wrapped key. Raises NotFound if the version never existed or was destroyed."""

    async def destroyed(self, seconds: float) -> Sequence[tuple[str, int]]:
        """Return account and number of the versions that were destroyed in the last ``seconds``. Raises Unavailable."""

    async def month_key(self, account_id: str, key_id: str) -> WrappedMonthKey:
        """Return a wrapped month key. Raises NotFound."""

    async def month_keys(
        self, account_id: str, number: int, first: str, last: str
    ) -> Sequence[WrappedMonthKey]:
        """Return the keys of the months from ``first`` to ``last``, created under version ``number``; oldest first."""

    async def add_month_keys(self, account_id: str, keys: Sequence[WrappedMonthKey]) -> None:
        """Store new month keys. Raises KeyRetired if another version of the account key is current."""


class KeyRing(Protocol):
    """A cache of unwrapped account keys, with a short TTL and a maximum size."""

    async def create(
        self, account_id: str, *, version: int = 1, own_key: str | None = None
    ) -> tuple["AccountKey", bytes]:
        """Generate a version of an account key; return it unwrapped and wrapped.

        With ``own_key``, that customer-managed key wraps it in addition to the root key. Raises Unavailable, and
        Refused if the customer-managed key cannot be used.
        """

    async def current(self, account_id: str) -> "AccountKey":
        """Return the key that seals new data."""

    async def version(self, account_id: str, version: int) -> "AccountKey":
        """Return one version of the key, to open data that it sealed."""

    async def month_key(self, account_id: str, key_id: str) -> NamedKey:
        """Return a month key, to open data that it sealed. Raises NotFound."""

    async def month_key_of(self, account_id: str, version: int, at: datetime) -> "SealingKey":
        """Return a key of the month of ``at``, created under this version of the account key; create it if missing.

        The key of the following month is created with it, so that it is in the object store before it is needed.
        Raises KeyRetired if one is missing and another version is current.
        """

    async def unwrap(self, account_id: str, version: int, wrapped: bytes) -> "AccountKey":
        """Unwrap a key that has no row yet. Raises Tampered, Unavailable."""

    def forget(self, account_id: str) -> None:
        """Remove every version of an account key from the cache."""

    def forget_all(self) -> None:
        """Remove every key from the cache: the database may not have them any more."""


class SealingKey(Protocol):
    """A key that seals new data of an account: a version of the account key, or one of its month keys."""

    @property
    def version(self) -> int:
        """Return the version of the account key that must be current when the sealed data is written."""

    @property
    def key(self) -> NamedKey:
        """Return the key."""

    @property
    def month_key(self) -> str | None:
        """Return the id of the month key; None for the account key itself."""


class AccountKey(SealingKey, Protocol):
    """One unwrapped version of an account key."""

    @property
    def version(self) -> int:
        """Return the number of the version."""

    @property
    def key(self) -> NamedKey:
        """Return the key: namespace ``callvault``, name ``account/<id>/v<version>``."""

    @property
    def own_key(self) -> str | None:
        """Return the name of the customer-managed key that wraps it; None if only the root key does."""
