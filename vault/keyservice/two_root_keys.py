"""Two root keys during a change of the root key: both unwrap, only the new one wraps."""

from collections.abc import Mapping

from vault.errors import Tampered
from vault.ports.keys import RootKey


class TwoRootKeys:
    """A RootKey that tries two. A key raises Tampered for bytes that it did not wrap, so no record is needed."""

    def __init__(self, current: RootKey, previous: RootKey) -> None:
        """Wrap with ``current``; unwrap with ``current``, then with ``previous``."""
        self.current = current
        self.previous = previous

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret`` with the current key. Raises Unavailable."""
        return await self.current.wrap(secret, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap with the key that wrapped the bytes. Raises Tampered if neither did, Unavailable."""
        try:
            return await self.current.unwrap(wrapped, context)
        except Tampered:
            return await self.previous.unwrap(wrapped, context)
