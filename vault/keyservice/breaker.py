"""A circuit breaker for the root key: while the key service is down, only few calls wait for its timeout.

closed     every call passes. ``failures`` consecutive Unavailable errors within ``window`` seconds open it.
open       for ``pause`` seconds every call fails immediately with the last error; the service gets no request.
half-open  one call passes, all others fail as if open: a response closes it, Unavailable opens it again.

Tampered is a response: the service works, so it neither opens the breaker nor keeps it open.
At most ``at_once`` calls run concurrently. Calls that wait for a slot while the service hangs fail when
the breaker opens, so the wait does not grow with the length of the queue.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Literal

from vault.errors import Tampered, Unavailable
from vault.keyservice import words
from vault.ports.keys import RootKey
from vault.structured_log import Log

_LOG = Log(__name__)

State = Literal["closed", "open", "half-open"]

#: Consecutive failures that open it, and the seconds within which they must happen.
FAILURES, WINDOW = 3, 30.0
#: Seconds for which it stays open before one call passes again.
OPEN_SECONDS = 3.0
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
        self.failures = failures
        self.window = window
        self.pause = pause
        self.now = now
        self._slots = asyncio.Semaphore(at_once)
        # Times of the last consecutive failures; a response empties it.
        self._failure_times: deque[float] = deque(maxlen=failures)
        # None while closed; else the time from which one call may pass.
        self._open_until: float | None = None
        self._trial_running = False
        self._last_message = words.NO_ANSWER

    @property
    def state(self) -> State:
        """Return the state for the next call: closed, open or half-open."""
        if self._open_until is None:
            return "closed"
        return "open" if self.now() < self._open_until else "half-open"

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap through the breaker. Raises the root key's errors, and Unavailable while the breaker is open."""
        return await self._call(lambda: self.root.wrap(secret, context))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap through the breaker. Raises the root key's errors, and Unavailable while the breaker is open."""
        return await self._call(lambda: self.root.unwrap(wrapped, context))

    async def _call(self, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        self._raise_if_open()
        async with self._slots:
            self._raise_if_open()  # It may have opened while this caller waited for a slot.
            trial = self._trial_running = self._open_until is not None
            try:
                answer = await ask()
            except Unavailable as error:
                self._record_failure(error, trial=trial)
                raise
            except Tampered:
                self._record_response()
                raise
            finally:
                if trial:
                    # Also if the caller was cancelled: then the next call is the trial.
                    self._trial_running = False
            self._record_response()
            return answer

    def _raise_if_open(self) -> None:
        """Raise Unavailable while it is open, or while another call is the trial."""
        if self._open_until is None:
            return
        left = self._open_until - self.now()
        if left > 0 or self._trial_running:
            raise Unavailable(self._last_message, retry_after=max(1, math.ceil(left)), cause="keyservice")

    def _record_failure(self, error: Unavailable, *, trial: bool) -> None:
        now = self.now()
        self._failure_times.append(now)
        self._last_message = str(error)
        if self._open_until is not None:
            if trial:
                self._open_until = now + self.pause
        elif len(self._failure_times) == self.failures and now - self._failure_times[0] <= self.window:
            self._open_until = now + self.pause
            _LOG.error("key_service.given_a_rest", reason=str(error), count=self.failures, seconds=self.pause)

    def _record_response(self) -> None:
        if self._open_until is not None:
            _LOG.info("key_service.answers_again")
        self._failure_times.clear()
        self._open_until = None
