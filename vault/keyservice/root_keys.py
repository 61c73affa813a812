"""What wraps a root key: a circuit breaker, a check of every response, and two keys while the root key changes.

At most ``at_once`` calls run concurrently. Calls that wait for a slot while the service hangs fail when
the breaker opens, so the wait does not grow with the length of the queue.

The root key authenticates a wrapped secret, but not the service's response: a load balancer, a proxy or a
client that swaps two responses would give one account the key of another, and everything sealed from then
on would be lost, or readable by the wrong account. So sixteen bytes that depend on the secret and the context
are wrapped together with the secret and compared after unwrapping (FORMAT.md). A wrapped secret is unwrapped
once before it is returned, so nobody stores one that cannot be unwrapped.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

from vault.circuit_breaker import FAILURES, OPEN_SECONDS, WINDOW, CircuitBreaker, State
from vault.errors import Tampered
from vault.keyservice import words
from vault.ports.keys import RootKey
from vault.sealing.context import serialise

#: Max concurrent calls; key ring misses are rare.
CONCURRENCY = 4
LABEL = b"callvault/root/v1"
CHECK_BYTES = 16


async def _nothing() -> None:
    """Do nothing: a key in a file has no connections to close."""


class Breaker:
    """A RootKey that wraps another RootKey. ``now`` is a monotonic clock in seconds."""

    def __init__(
        self,
        root: RootKey,
        *,
        close: Callable[[], Awaitable[None]] = _nothing,
        failures: int = FAILURES,
        window: float = WINDOW,
        pause: float = OPEN_SECONDS,
        at_once: int = CONCURRENCY,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Start in the closed state."""
        self.root = root
        self.close = close
        self.circuit = CircuitBreaker(
            "key_service",
            "keyservice",
            refusals=(Tampered,),
            message=words.NO_ANSWER,
            failures=failures,
            window=window,
            pause=pause,
            now=now,
        )
        self._slots = asyncio.Semaphore(at_once)

    @property
    def state(self) -> State:
        """Return the state for the next call: closed, open or half-open."""
        return self.circuit.state

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap through the breaker. Raises the root key's errors, and Unavailable while the breaker is open."""
        return await self._call(lambda: self.root.wrap(secret, context))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap through the breaker. Raises the root key's errors, and Unavailable while the breaker is open."""
        return await self._call(lambda: self.root.unwrap(wrapped, context))

    async def _call(self, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        self.circuit.raise_if_open()
        async with self._slots:
            # It may have opened while this caller waited for a slot.
            return await self.circuit.run(ask)


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
