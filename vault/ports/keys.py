"""Keys: the root key that never leaves its service, and the ring of account keys below it."""

from collections.abc import Mapping
from typing import Protocol

from vault.sealing.keys import NamedKey


class RootKey(Protocol):
    """The key at the top. It wraps account keys and the log key, and never leaves its service."""

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret`` (at most 1 KiB), bound to ``context``.

        Raises Unavailable, and Tampered if what the service answers does not open again.
        """

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Undo ``wrap`` under the same context.

        Raises Tampered for another key, other bytes or another context; Unavailable if the
        service does not answer.
        """


class OwnKeys(Protocol):
    """Keys of the accounts' own, outside of the vault, each by its name."""

    async def named(self, own_key: str) -> RootKey:
        """Return the key of this name. Raises Invalid for what is no name, Unavailable where none are taken."""


class WrappedKeys(Protocol):
    """Where wrapped account keys are kept; the database offers this to the key ring."""

    async def current_version(self, account_id: str) -> int:
        """Return the version that seals what comes now. NotFound for an unknown account."""

    async def wrapped(self, account_id: str, version: int) -> bytes:
        """Return the wrapped key. NotFound if that version never was or was destroyed."""


class KeyRing(Protocol):
    """Account keys, unwrapped, for a short time and in a bounded number."""

    async def create(
        self, account_id: str, *, version: int = 1, own_key: str | None = None
    ) -> tuple["AccountKey", bytes]:
        """Make a version of an account's key, the first unless told; return it, and wrapped for its row.

        With ``own_key``, that key of the account's own wraps it, below the root key. Raises Unavailable, and
        Refused where it is the own key that cannot be used.
        """

    async def current(self, account_id: str) -> "AccountKey":
        """Return the key that seals what comes now."""

    async def version(self, account_id: str, version: int) -> "AccountKey":
        """Return one version of the key, to open what it sealed."""

    async def unwrap(self, account_id: str, version: int, wrapped: bytes) -> "AccountKey":
        """Unwrap a key that has no row yet. Raises Tampered, Unavailable."""

    def forget(self, account_id: str) -> None:
        """Drop every version of an account's key from memory."""


class AccountKey(Protocol):
    """One version of an account's key, unwrapped."""

    @property
    def version(self) -> int:
        """Return the number of the version."""

    @property
    def key(self) -> NamedKey:
        """Return the key: namespace ``callvault``, name ``account/<id>/v<version>``."""

    @property
    def own_key(self) -> str | None:
        """Return the name of the account's own key that wraps it; None where the root key alone does."""
