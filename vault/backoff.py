"""Exponential backoff with jitter: how long to wait before the next attempt."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.jitter import RANDOM

#: No wait grows further; the power stays a small number.
_MAX_STEPS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The waits between attempts at one thing."""

    #: The longest wait after the first failure, and after any.
    first: timedelta
    most: timedelta
    #: By how much each wait is longer than the one before.
    factor: int = 2
    #: The shortest wait, as a part of the longest one; 0 is called full jitter.
    least: float = 0.5

    def after(self, failures: int, *, jitter: float | None = None) -> timedelta:
        """Return the wait after so many failures, from 1: between the shortest one and the longest.

        ``jitter`` in [0, 1] says where in between; None: a random place, so that many rows do not stay in step.
        """
        steps = min(max(failures - 1, 0), _MAX_STEPS)
        longest = min(self.most.total_seconds(), self.first.total_seconds() * self.factor**steps)
        place = RANDOM.random() if jitter is None else jitter
        return timedelta(seconds=longest * (self.least + (1 - self.least) * place))
