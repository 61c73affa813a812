"""How much of a system's budget is left, by its replies, and for how long nothing more is sent to it.

Two messages of a destination are on their way at a time, on all nodes together, and neither knows what the other was
just told. So the last requests of a budget are left: one for each message on its way. What a turn has learnt becomes a
wait of its destination in the database, which all nodes heed.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from vault.domain.crm.exchange import Budget
from vault.domain.handover.integration import REMOVE
from vault.domain.outbox.attempt import LEAST_WAIT, MOST_WAIT
from vault.domain.outbox.health import PLACES
from vault.ports.crm import Pace

#: The part of a budget that is kept for removals, and the least: a request of each message on its way, and of as many
#: removals.
_RESERVE: Final = 0.1
_LEAST_RESERVE: Final = 3 * PLACES
#: The same where the system does not say of how many requests.
_UNKNOWN_RESERVE: Final = 50
#: What messages that have begun need to end: a look-up and a record each.
_BEGUN: Final = 2 * PLACES
#: Integrations whose windows a process remembers.
_MOST: Final = 1_000
#: By how much requests of a paced kind are further apart than their limit needs: they do not arrive as they are sent.
_HEADROOM: Final = 1.1


def interval_of(pace: Pace, type_: str) -> timedelta:
    """Return how far apart requests of a pace are, for messages of a type; over all nodes."""
    share = pace.removals if type_ == REMOVE else 1 - pace.removals
    return pace.per * _HEADROOM / (pace.limit * share) if share else timedelta(0)


@dataclass(slots=True)
class Windows:
    """Since when the requests of this process count in the window of each integration."""

    _since: dict[str, tuple[datetime, timedelta | None]] = field(default_factory=dict)

    def answered(self, integration_id: str, at: datetime, length: timedelta | None) -> timedelta:
        """Note a reply, with the length of its window if it says one; return in how long that has ended.

        A window begins with its first request, or rolls: then it has room from the same time on.
        """
        since, known = self._since.pop(integration_id, (at, None))
        length = length or known
        if length is not None and at >= since + length:
            since = at
        if len(self._since) >= _MOST:
            del self._since[next(iter(self._since))]
        self._since[integration_id] = since, length
        return timedelta(0) if length is None else since + length - at


@dataclass(slots=True)
class KnownBudget:
    """What one turn knows of the budget of its integration."""

    _left: int | None = None
    _reserve: float = 0
    _until: datetime | None = None
    #: Whether writes wait because a removal has learnt of it.
    lets_writes_wait: bool = False
    #: Until when requests of a paced kind have their times.
    _paced_until: datetime | None = None

    def said(self, budget: Budget, until: datetime) -> None:
        """Note what a reply says, and when the budget begins again."""
        share = _UNKNOWN_RESERVE if budget.limit is None else budget.limit * _RESERVE
        self._left, self._reserve, self._until = budget.remaining, max(share, _LEAST_RESERVE), until

    def spent(self, until: datetime) -> None:
        """Note that the system takes nothing before then."""
        self._left, self._until = 0, until

    def paced(self, until: datetime) -> None:
        """Note until when requests of a paced kind have their times."""
        self._paced_until = max(until, self._paced_until or until)

    def sent(self) -> None:
        """Note a request; not every reply says what is left."""
        if self._left is not None:
            self._left -= 1

    def wait(self, type_: str, now: datetime, *, begins: bool) -> timedelta | None:
        """Return after which time a message of a type goes on, or ``begins``; None: now."""
        paced = timedelta(0) if self._paced_until is None or not begins else self._paced_until - now
        waits = [paced] if paced > LEAST_WAIT else []
        if self._left is not None and self._until is not None and self._until > now:
            keeps = PLACES if type_ == REMOVE else self._reserve + (_BEGUN if begins else 0)
            if self._left <= keeps:
                waits.append(max(LEAST_WAIT, min(MOST_WAIT, self._until - now)))
        return max(waits, default=None)
