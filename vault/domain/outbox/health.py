"""The health of a destination: when it is let alone, when its account is warned, when it is switched off.

It is in the row of the destination, and not a ``CircuitBreaker``, which one process has: the nodes share it, and it
outlives them.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from vault.backoff import Backoff

#: Consecutive failures after which a destination is let alone: then one attempt at a time tests it.
FAILURES: Final = 5
#: Messages of a destination that are on their way at the same time, and while one attempt tests it.
PLACES, TEST_PLACES = 2, 1
#: How long it is let alone; meanwhile no message spends an attempt.
_REST: Final = Backoff(first=timedelta(seconds=30), most=timedelta(hours=1))
#: After so long with failures alone its account is warned, and in the end it is switched off.
WARNINGS: Final = (timedelta(hours=1), timedelta(hours=24))
LIMIT: Final = timedelta(days=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a destination has shown since its last success."""

    failures: int = 0
    failing_since: datetime | None = None
    #: Before this nothing is sent.
    blocked_until: datetime | None = None
    #: The number of WARNINGS that were given.
    warned: int = 0
    #: When it was switched off; until it is set again, nothing is sent.
    disabled_at: datetime | None = None

    @property
    def places(self) -> int:
        """Return how many messages may be on their way."""
        return TEST_PLACES if self.failures >= FAILURES else PLACES

    def after_failure(self, now: datetime, *, asked: timedelta | None = None) -> "Health":
        """Return it after one more failure; ``asked``: the wait that the receiver asked for."""
        since = self.failing_since or now
        failures = self.failures + 1
        waits = [] if asked is None else [asked]
        if failures >= FAILURES:
            waits.append(_REST.after(failures - FAILURES + 1))
        return replace(
            self,
            failures=failures,
            failing_since=since,
            blocked_until=now + max(waits) if waits else self.blocked_until,
            warned=max(self.warned, sum(now - since >= age for age in WARNINGS)),
            disabled_at=self.disabled_at or (now if now - since >= LIMIT else None),
        )

    def after_success(self, now: datetime) -> "Health":
        """Return it after a message was accepted: it is healthy, but a wait that began meanwhile goes on.

        So does being switched off: what waited is deleted, and its account was told.
        """
        if self.disabled_at is not None:
            return self
        is_waiting = self.blocked_until is not None and self.blocked_until > now
        return replace(HEALTHY, blocked_until=self.blocked_until) if is_waiting else HEALTHY

    def waiting(self, until: datetime) -> "Health":
        """Return it where nothing is to be sent before ``until``, although nothing has failed."""
        return replace(self, blocked_until=max(until, self.blocked_until or until))

    def after_refusal(self, now: datetime) -> "Health":
        """Return it after the receiver said that it wants no messages any more."""
        failed = self.after_failure(now)
        return replace(failed, disabled_at=failed.disabled_at or now)


HEALTHY: Final = Health()
