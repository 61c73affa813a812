"""A check on every response of a key service.

The root key authenticates a wrapped secret, but not the service's response: a load balancer, a proxy or a
client that swaps two responses would give one account the key of another, and everything sealed from then
on would be lost, or readable by the wrong account. So sixteen bytes that depend on the secret and the context
are wrapped together with the secret and compared after unwrapping (FORMAT.md). A wrapped secret is unwrapped
once before it is returned, so nobody stores one that cannot be unwrapped.
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
    """A RootKey that checks the responses of a RootKey in a network service."""

    def __init__(self, root: RootKey) -> None:
        """Check the responses of ``root``."""
        self.root = root

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap ``secret`` and unwrap it once. Raises Unavailable; Tampered if the results differ."""
        wrapped = await self.root.wrap(secret + _check(secret, context), context)
        if not hmac.compare_digest(await self.unwrap(wrapped, context), secret):
            raise Tampered("The key service did not unwrap a secret to the bytes that it had just wrapped.")
        return wrapped

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap the output of ``wrap``. Raises Unavailable, and Tampered, also for another context's secret."""
        answer = await self.root.unwrap(wrapped, context)
        secret, check = answer[:-CHECK_BYTES], answer[-CHECK_BYTES:]
        if not hmac.compare_digest(check, _check(secret, context)):
            raise Tampered("The key service returned a secret that was not wrapped under this context.")
        return secret


def _check(secret: bytes, context: Mapping[str, str]) -> bytes:
    return hashlib.sha256(LABEL + serialise(context) + secret).digest()[:CHECK_BYTES]
