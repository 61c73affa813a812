"""What a key service answers, checked before it is believed.

The root key authenticates what it wraps, but not the way back: a balancer, a proxy or a client that mixes
up two answers would hand one account the key of another, and everything sealed from then on would
be lost with it, or readable by the wrong account. So sixteen bytes that depend on secret and context are wrapped
with the secret and compared when it comes back (FORMAT.md), and what was wrapped is opened once before
anybody keeps it.
"""

import hashlib
import hmac
from collections.abc import Mapping

from vault.errors import Tampered
from vault.ports.keys import RootKey
from vault.sealing.context import serialise

LABEL = b"callvault/root/v1"
CHECK_BYTES = 16


class CheckedRootKey:
    """RootKey around one that is asked over a network."""

    def __init__(self, root: RootKey) -> None:
        """Check what ``root`` answers."""
        self.root = root

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret`` and open it once. Raises Unavailable; Tampered if something else comes back."""
        wrapped = await self.root.wrap(secret + _check(secret, context), context)
        if not hmac.compare_digest(await self.unwrap(wrapped, context), secret):
            raise Tampered("The key service does not return what it has just wrapped.")
        return wrapped

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Undo ``wrap``. Raises Tampered, also for the secret of another context, and Unavailable."""
        answer = await self.root.unwrap(wrapped, context)
        secret, check = answer[:-CHECK_BYTES], answer[-CHECK_BYTES:]
        if not hmac.compare_digest(check, _check(secret, context)):
            raise Tampered("The key service returned something else than was wrapped under this context.")
        return secret


def _check(secret: bytes, context: Mapping[str, str]) -> bytes:
    return hashlib.sha256(LABEL + serialise(context) + secret).digest()[:CHECK_BYTES]
