"""Two root keys at once, while a vault goes from one to the other: both open, the new one wraps."""

from collections.abc import Mapping

from vault.errors import Tampered
from vault.ports.keys import RootKey


class TwoRootKeys:
    """RootKey of two. A key says itself that something was not wrapped by it, so nothing need be kept about that."""

    def __init__(self, current: RootKey, previous: RootKey) -> None:
        """Wrap with ``current``; open what ``previous`` has wrapped, too."""
        self.current = current
        self.previous = previous

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret`` with the current key. Raises Unavailable."""
        return await self.current.wrap(secret, context)

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Open what either has wrapped. Raises Tampered if neither has, Unavailable."""
        try:
            return await self.current.unwrap(wrapped, context)
        except Tampered:
            return await self.previous.unwrap(wrapped, context)
