"""A root key in memory that polices its port, counts its calls and can be out of reach."""

import secrets
from collections.abc import Mapping

from vault.errors import Tampered, Unavailable

#: The port wraps keys, not data.
LARGEST_SECRET = 1024


class FakeRootKey:
    """RootKey that keeps what it wrapped and hands out tickets for it."""

    def __init__(self) -> None:
        self.wrapped: dict[bytes, tuple[bytes, dict[str, str]]] = {}
        #: False: every call raises Unavailable, for this reason.
        self.reachable = True
        self.reason = "The key service does not answer."
        self.unwrapped = 0

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Hand out a ticket for the secret."""
        assert len(secret) <= LARGEST_SECRET, (
            "A root key wraps keys, which may be wrapped already, of at most 1 KiB."
        )
        self._reach()
        ticket = secrets.token_bytes(48)
        self.wrapped[ticket] = (secret, dict(context))
        return ticket

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Take the ticket back under the same context."""
        self._reach()
        self.unwrapped += 1
        secret, bound = self.wrapped.get(wrapped, (b"", None))
        if bound != dict(context):
            raise Tampered("A wrapped key does not open under the root key and its context.")
        return secret

    def _reach(self) -> None:
        if not self.reachable:
            raise Unavailable(self.reason)
