"""A circuit breaker before the root key: a key service that is down costs the vault three tries, not every one.

closed     everything is let through. ``failures`` times Unavailable in a row, within ``window`` seconds, open it.
open       for ``pause`` seconds everybody hears at once what the last try heard, and the service is left alone.
half-open  one caller tries, for all others it stays open: an answer closes it, Unavailable opens it anew.

An answer is an answer: Tampered says that the service works, and neither opens the breaker nor keeps it open.
At most ``at_once`` calls are under way. Those who wait for their turn while the service hangs are turned
away when the breaker opens, so the wait of the last in the row does not grow with the row.
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

#: Failures in a row that open it, and the seconds within which they must have happened.
FAILURES, WINDOW = 3, 30.0
#: Seconds for which it stays open before somebody tries again.
OPEN_SECONDS = 3.0
#: Calls under way at once; misses of the key ring are rare.
CONCURRENCY = 4


async def _nothing() -> None:
    """Close nothing: a key in a file has no connections."""


class Breaker:
    """RootKey around another. ``now`` is a clock that never goes back, in seconds."""

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
        """Begin closed."""
        self.root = root
        self.close = close
        self.failures = failures
        self.window = window
        self.pause = pause
        self.now = now
        self._places = asyncio.Semaphore(at_once)
        # The moments of the last failures in a row; an answer empties it.
        self._failed: deque[float] = deque(maxlen=failures)
        # None while closed; else the moment from which one caller may try.
        self._open_until: float | None = None
        self._trying = False
        self._last_words = words.NO_ANSWER

    @property
    def state(self) -> State:
        """Return what the next caller meets: closed, open or half-open."""
        if self._open_until is None:
            return "closed"
        return "open" if self.now() < self._open_until else "half-open"

    async def wrap(self, secret: bytes, context: Mapping[str, str]) -> bytes:
        """Wrap through the breaker. Raises what the root key raises, and Unavailable while it is open."""
        return await self._let_through(lambda: self.root.wrap(secret, context))

    async def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Unwrap through the breaker. Raises what the root key raises, and Unavailable while it is open."""
        return await self._let_through(lambda: self.root.unwrap(wrapped, context))

    async def _let_through(self, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        self._turn_away()
        async with self._places:
            self._turn_away()  # It may have opened while this caller waited for its turn.
            trial = self._trying = self._open_until is not None
            try:
                answer = await ask()
            except Unavailable as error:
                self._note_failure(error, trial=trial)
                raise
            except Tampered:
                self._note_answer()
                raise
            finally:
                if trial:
                    # Also when the caller was cancelled in the middle: then the next one tries.
                    self._trying = False
            self._note_answer()
            return answer

    def _turn_away(self) -> None:
        """Raise Unavailable while it is open, or while somebody else tries."""
        if self._open_until is None:
            return
        left = self._open_until - self.now()
        if left > 0 or self._trying:
            raise Unavailable(self._last_words, retry_after=max(1, math.ceil(left)), cause="keyservice")

    def _note_failure(self, error: Unavailable, *, trial: bool) -> None:
        now = self.now()
        self._failed.append(now)
        self._last_words = str(error)
        if self._open_until is not None:
            if trial:
                self._open_until = now + self.pause
        elif len(self._failed) == self.failures and now - self._failed[0] <= self.window:
            self._open_until = now + self.pause
            _LOG.error("key_service.given_a_rest", reason=str(error), count=self.failures, seconds=self.pause)

    def _note_answer(self) -> None:
        if self._open_until is not None:
            _LOG.info("key_service.answers_again")
        self._failed.clear()
        self._open_until = None
