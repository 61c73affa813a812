"""The circuit breaker of the root key, with a limit on concurrent calls.

At most ``at_once`` calls run concurrently. Calls that wait for a slot while the service hangs fail when
the breaker opens, so the wait does not grow with the length of the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

from vault.circuit_breaker import FAILURES, OPEN_SECONDS, WINDOW, CircuitBreaker, State
from vault.errors import Tampered
from vault.keyservice import words
from vault.ports.keys import RootKey

#: Max concurrent calls; key ring misses are rare.
CONCURRENCY = 4


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
