"""A circuit breaker for one dependency: while it is down, only few calls wait for its timeout.

closed     every call passes. ``failures`` consecutive Unavailable errors within ``window`` seconds open it.
open       for ``pause`` seconds every call fails immediately with the last error; the dependency gets no request.
half-open  one call passes, all others fail as if open: a response closes it, Unavailable opens it again.

A refusal is a response too: the dependency works, so it neither opens the breaker nor keeps it open.
"""

import math
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Literal, TypeVar

from vault.errors import Cause, Unavailable
from vault.structured_log import Log

T = TypeVar("T")
_LOG = Log(__name__)

State = Literal["closed", "open", "half-open"]

#: Consecutive failures that open it, and the seconds within which they must happen.
FAILURES, WINDOW = 3, 30.0
#: Seconds for which it stays open before one call passes again.
OPEN_SECONDS = 3.0


class CircuitBreaker:
    """The breaker of the dependency ``name``, which begins its log events. ``now`` is a monotonic clock in seconds.

    ``cause`` is that of its errors, and ``refusals`` are the errors that count as a response.
    """

    def __init__(
        self,
        name: str,
        cause: Cause,
        *,
        refusals: tuple[type[Exception], ...] = (),
        message: str,
        failures: int = FAILURES,
        window: float = WINDOW,
        pause: float = OPEN_SECONDS,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Start in the closed state. ``message`` is the error while it is open, before the first failure."""
        self.name = name
        self.cause: Cause = cause
        self.refusals = refusals
        self.failures = failures
        self.window = window
        self.pause = pause
        self.now = now
        # Times of the last consecutive failures; a response empties it.
        self._failure_times: deque[float] = deque(maxlen=failures)
        # None while closed; else the time from which one call may pass.
        self._open_until: float | None = None
        self._trial_running = False
        self._last_message = message

    @property
    def state(self) -> State:
        """Return the state for the next call: closed, open or half-open."""
        if self._open_until is None:
            return "closed"
        return "open" if self.now() < self._open_until else "half-open"

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run ``call``. Raises its errors, and Unavailable while the breaker is open."""
        self.raise_if_open()
        trial = self._trial_running = self._open_until is not None
        try:
            answer = await call()
        except Unavailable as error:
            self._record_failure(error, trial=trial)
            raise
        except self.refusals:
            self._record_response()
            raise
        finally:
            if trial:
                # Also if the caller was cancelled: then the next call is the trial.
                self._trial_running = False
        self._record_response()
        return answer

    def raise_if_open(self) -> None:
        """Raise Unavailable while it is open, or while another call is the trial."""
        if self._open_until is None:
            return
        left = self._open_until - self.now()
        if left > 0 or self._trial_running:
            raise Unavailable(self._last_message, retry_after=max(1, math.ceil(left)), cause=self.cause)

    def _record_failure(self, error: Unavailable, *, trial: bool) -> None:
        now = self.now()
        self._failure_times.append(now)
        self._last_message = str(error)
        if self._open_until is not None:
            if trial:
                self._open_until = now + self.pause
        elif len(self._failure_times) == self.failures and now - self._failure_times[0] <= self.window:
            self._open_until = now + self.pause
            _LOG.error(
                f"{self.name}.given_a_rest", reason=str(error), count=self.failures, seconds=self.pause
            )

    def _record_response(self) -> None:
        if self._open_until is not None:
            _LOG.info(f"{self.name}.answers_again")
        self._failure_times.clear()
        self._open_until = None
