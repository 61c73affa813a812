"""All facts ever reported for one call. A later report adds to them and replaces none.

Decisions use all of them, not only the latest: otherwise a later event could bypass an objection, or move the
call away from a moment at which recording was switched off.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from vault.domain.calls.call import SIDES, CallFacts, Direction, is_plausible
from vault.domain.consent.consent_event import Party

#: Maximum number of facts stored per call. Later ones are refused, and the call's recordings are quarantined:
#: a refused fact might contain a number that must not be recorded.
MAX_FACTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallClaims:
    """The reported values of a call, by field."""

    directions: frozenset[Direction] = frozenset()
    callers: frozenset[str] = frozenset()
    callees: frozenset[str] = frozenset()
    caller_places: frozenset[str] = frozenset()
    callee_places: frozenset[str] = frozenset()
    #: Numbers with which a statement says the place too: their prefixes tell nothing that is not known.
    placed_callers: frozenset[str] = frozenset()
    placed_callees: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    starts: frozenset[datetime] = frozenset()
    answers: frozenset[datetime] = frozenset()
    ends: frozenset[datetime] = frozenset()

    @classmethod
    def of(cls, pieces: Iterable[CallFacts]) -> "CallClaims":
        """Collect the values of all parts; their order does not matter. Times of no call are left out."""
        pieces = list(pieces)

        def values(name: str) -> frozenset[object]:
            return frozenset(value for piece in pieces if (value := getattr(piece, name)) is not None)

        def placed(number: str, place: str) -> frozenset[object]:
            return frozenset(getattr(piece, number) for piece in pieces if getattr(piece, place) is not None)

        def moments(name: str) -> frozenset[datetime]:
            return frozenset(filter(is_plausible, values(name)))  # type: ignore[arg-type]

        return cls(
            directions=values("direction"),  # type: ignore[arg-type]
            callers=values("caller"),  # type: ignore[arg-type]
            callees=values("callee"),  # type: ignore[arg-type]
            caller_places=values("caller_place"),  # type: ignore[arg-type]
            callee_places=values("callee_place"),  # type: ignore[arg-type]
            placed_callers=placed("caller", "caller_place"),  # type: ignore[arg-type]
            placed_callees=placed("callee", "callee_place"),  # type: ignore[arg-type]
            agents=values("agent"),  # type: ignore[arg-type]
            starts=moments("started_at"),
            answers=moments("answered_at"),
            ends=moments("ended_at"),
        )

    @property
    def numbers(self) -> frozenset[str]:
        """Return every reported number of either party, unchanged."""
        return self.callers | self.callees

    @property
    def outside(self) -> frozenset[Party]:
        """Return the parties outside the account, for every reported direction."""
        return frozenset().union(*(outside_parties(direction) for direction in self.readings))

    @property
    def readings(self) -> tuple[Direction | None, ...]:
        """Return every reported direction, or only None: a decision must hold for each of them."""
        return tuple(sorted(self.directions)) or (None,)

    def numbers_of(self, party: Party) -> frozenset[str]:
        """Return the reported numbers of one party."""
        return self.callers if party == "caller" else self.callees

    def unplaced_numbers_of(self, party: Party) -> frozenset[str]:
        """Return the reported numbers of one party with none of which a place was said.

        A place is that of the number beside it. The party may have had another one before a transfer, in another place.
        """
        placed = self.placed_callers if party == "caller" else self.placed_callees
        return self.numbers_of(party) - placed

    def places_of(self, party: Party) -> frozenset[str]:
        """Return the reported places of one party."""
        return self.caller_places if party == "caller" else self.callee_places


def outside_parties(direction: Direction | None) -> frozenset[Party]:
    """Return the parties outside the account; both where the direction is unknown."""
    if direction is None:
        return frozenset(SIDES)
    return frozenset({"caller" if direction == "inbound" else "callee"})


def distinct(statements: Iterable[CallFacts]) -> tuple[CallFacts, ...]:
    """Return each distinct report once, oldest first, without empty ones."""
    return tuple(facts for facts in dict.fromkeys(statements) if facts != CallFacts(call_ref=facts.call_ref))
