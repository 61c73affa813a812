"""A message that waits to be sent to one destination."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message with ids and codes alone, or sealed: what it sends beside them is read when it is sent."""

    #: Its kind and the kind's own id of the receiver, such as ``request_callbacks/acct_1``.
    destination: str
    #: Unique at its destination, and the same at each attempt.
    id: str
    account_id: str
    #: The folder of ``vault/services/outbox/kinds`` that sends it.
    kind: str
    #: What happened, such as ``request.closed``.
    type: str
    #: When it happened.
    at: datetime
    content: Mapping[str, str]
    #: The recording that it is about; with the recording's erasure it is deleted.
    recording_id: str | None = None
    #: Whether it stays nevertheless, as one that says ids alone and that an erasure has overtaken it.
    outlives_erasure: bool = False
    #: Its number in its account: an ordered destination gets the lower one first.
    sequence: int | None = None
    #: How often it was sent, or was about to be.
    attempts: int = 0
    #: Its attempts before it was put into the outbox again.
    attempts_before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Messages of one destination under one lease: until it ends, nobody else sends them."""

    destination: str
    account_id: str
    token: str
    #: When it was claimed, by the database's clock.
    at: datetime
    #: In the order in which they are sent.
    messages: Sequence[Message]
    #: How many of them may be on their way at the same time.
    places: int
    #: Whether the last attempt at the destination was a failure.
    is_failing: bool = False
    is_ordered: bool = False


#: What to do with a message where a fact stands against it: send it, delete it, or look again later. Of a fact that is
#: ignored nothing is read, and a kind cannot ask for it.
Then = Literal["send", "drop", "wait"]
Rule = Literal["ignore", Then]
#: What can stand against a message; each is the name of a rule.
Fact = Literal["switched_off", "erased", "restricted", "held"]
_STRICTEST: Final[tuple[Then, ...]] = ("drop", "wait", "send")


@dataclass(frozen=True, slots=True)
class Standing:
    """Which facts hold of the subject of a message, read in the transaction that permits its sending."""

    facts: Mapping[Fact, bool]

    def holds(self, fact: Fact) -> bool:
        """Return whether a fact holds. Raises LookupError for one that the kind's rules ignore."""
        if fact not in self.facts:
            raise LookupError(f"The rules of this kind ignore {fact!r}, so it was not read.")
        return self.facts[fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """What a message of a kind does where a fact stands against it. No rule has a default."""

    switched_off: Rule
    erased: Rule
    restricted: Rule
    held: Rule

    @property
    def facts(self) -> Sequence[Fact]:
        """Return what must be read of a subject."""
        return [fact for fact, rule in self._rules() if rule != "ignore"]

    def then(self, standing: Standing) -> Then:
        """Return what to do now; the strictest rule wins. Raises LookupError if a fact was not read."""
        applying = {rule for fact, rule in self._rules() if rule != "ignore" and standing.holds(fact)}
        return next((one for one in _STRICTEST if one in applying), "send")

    def _rules(self) -> Sequence[tuple[Fact, Rule]]:
        return (
            ("switched_off", self.switched_off),
            ("erased", self.erased),
            ("restricted", self.restricted),
            ("held", self.held),
        )
