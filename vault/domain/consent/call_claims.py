"""All facts ever reported for one call. A later statement adds to them and replaces none.

Decisions stand on this and not on the last word: otherwise a later event could cancel an objection, or
move the call away from a moment in which recording was switched off.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vault.domain.calls.call import CallFacts, Direction
from vault.domain.consent.consent_event import Party

#: Facts that are kept of one call. What comes after them is refused, and the call's recordings are quarantined:
#: nobody knows whether a fact that was not kept names a number that must not be recorded.
MAX_FACTS = 200
#: The two sides of a call.
SIDES: tuple[Party, ...] = ("caller", "callee")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClaims:
    """What was said of a call, field by field."""

    directions: frozenset[Direction] = frozenset()
    callers: frozenset[str] = frozenset()
    callees: frozenset[str] = frozenset()
    caller_places: frozenset[str] = frozenset()
    callee_places: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    starts: frozenset[datetime] = frozenset()
    answers: frozenset[datetime] = frozenset()
    ends: frozenset[datetime] = frozenset()

    @classmethod
    def of(cls, pieces: Iterable[CallFacts]) -> "CallClaims":
        """Collect the facts of the pieces; their order does not matter."""
        pieces = list(pieces)

        def said(name: str) -> frozenset[object]:
            return frozenset(value for piece in pieces if (value := getattr(piece, name)) is not None)

        return cls(
            directions=said("direction"),  # type: ignore[arg-type]
            callers=said("caller"),  # type: ignore[arg-type]
            callees=said("callee"),  # type: ignore[arg-type]
            caller_places=said("caller_place"),  # type: ignore[arg-type]
            callee_places=said("callee_place"),  # type: ignore[arg-type]
            agents=said("agent"),  # type: ignore[arg-type]
            starts=said("started_at"),  # type: ignore[arg-type]
            answers=said("answered_at"),  # type: ignore[arg-type]
            ends=said("ended_at"),  # type: ignore[arg-type]
        )

    @property
    def numbers(self) -> frozenset[str]:
        """Return every number of either party, as it was written."""
        return self.callers | self.callees

    @property
    def outside(self) -> frozenset[Party]:
        """Return the parties outside the account, for every reported direction."""
        return frozenset().union(*(outside_parties(one) for one in self.readings))

    @property
    def readings(self) -> tuple[Direction | None, ...]:
        """Return every reported direction, or None alone: a decision must hold for each of them."""
        return tuple(sorted(self.directions)) or (None,)

    def numbers_of(self, party: Party) -> frozenset[str]:
        """Return the reported numbers of one party."""
        return self.callers if party == "caller" else self.callees

    def places_of(self, party: Party) -> frozenset[str]:
        """Return the reported places of one party."""
        return self.caller_places if party == "caller" else self.callee_places


def outside_parties(direction: Direction | None) -> frozenset[Party]:
    """Return the parties outside the account; both where nobody said who called whom."""
    if direction is None:
        return frozenset(SIDES)
    return frozenset({"caller" if direction == "inbound" else "callee"})


def distinct(statements: Iterable[CallFacts]) -> tuple[CallFacts, ...]:
    """Return each different statement once, oldest first, without those that say nothing."""
    return tuple(one for one in dict.fromkeys(statements) if one != CallFacts(call_ref=one.call_ref))
