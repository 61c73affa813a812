"""Where claims on PostgreSQL begin to look.

A claimed row stays in the index of those that wait until vacuum removes it, which a snapshot of anybody may prevent: a
dump, a forgotten transaction. Every claim would read over all of them. So a claim looks only from the time since which
the oldest row waited at the last look at all of them. A row that came back below it (its lease ended, or its attempt
was put off) is found by the next such look, or as soon as nothing else waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from vault.domain.recordings.recording import State

#: Seconds between two looks at all that waits; more where a look takes long: at most this share of the time.
_PAUSE: Final = 1.0
_SHARE: Final = 0.05


@dataclass(slots=True)
class ClaimFloors:
    """The floors of one process, in microseconds since 1970."""

    _kept: dict[Sequence[State], tuple[int, float]] = field(default_factory=dict)

    def of(self, states: Sequence[State]) -> Sequence[int]:
        """Return the floors for the looks of a claim, one after the other; 0 is a look at all that waits."""
        floor, until = self._kept.get(states, (0, 0.0))
        if floor and monotonic() < until:
            return (floor, 0)
        # Other claims need not look at the same time.
        self._kept[states] = (floor, monotonic() + _PAUSE)
        return (0,)

    def keep(self, states: Sequence[State], floor: int, *, seconds: float) -> None:
        """Keep what a look at all that waits returned, and how long it took."""
        self._kept[states] = (floor, monotonic() + max(_PAUSE, seconds / _SHARE))
