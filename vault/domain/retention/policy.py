"""An account's retention policy: classes of recordings, how long each is kept and why, and the rules for a change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Final, Literal

from vault.domain.calls.call import Direction
from vault.domain.field_types import Later
from vault.domain.folded_text import folded
from vault.domain.legal_rules.rule import country_of
from vault.domain.retention.object_lock import LockSetting
from vault.domain.retention.period import Period

#: Why recordings must be kept: only a legal obligation stops the erasure that a person asks for (GDPR 17(3)(b)).
MinimumGround = Literal["legal_obligation", "business"]
#: What begins a period. The vault knows the end of a call; a controller tells the end of a contact.
PeriodStart = Literal["call_end", "account_closed", "contact_ended"]
#: ``review``: the recording is restricted, and a person decides.
AtEnd = Literal["erase", "review"]
#: Which of two periods that contradict each other applies.
Winner = Literal["minimum", "maximum"]
DEFAULT_WAITING: Final = timedelta(days=7)
MAX_WAITING: Final = timedelta(days=30)
MAX_CLASSES: Final = 50
#: What an account's overview says while nothing of it is erased by time.
NO_POLICY: Final = "Nothing is erased by time: no retention policy is in force."
UNREADABLE: Final = "Nothing is erased by time: the retention policy cannot be read."


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The calls of a class; None matches any, so an empty one matches all."""

    direction: Direction | None = None
    agent: str | None = None
    #: A party's place, ``FR`` or ``US-WA``; a country covers what lies in it.
    place: str | None = None

    @property
    def fields(self) -> int:
        """Return the number of fields that must match: the higher, the more specific."""
        return sum(value is not None for value in (self.direction, self.agent, self.place))

    def meets(self, other: "Match") -> bool:
        """Return whether a call can match both: it can have several agents and places, and one direction."""
        return None in (self.direction, other.direction) or self.direction == other.direction


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTraits:
    """What a match compares: everything that was ever reported of the call. Names of agents are ``folded``."""

    directions: frozenset[str] = frozenset()
    agents: frozenset[str] = frozenset()
    #: With those that only a number's prefix tells.
    places: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionClass:
    """The recordings that a match selects, and how long they are kept."""

    #: A code, such as ``quality``.
    name: str
    #: What the recordings are kept for (GDPR 5(1)(e)).
    purpose: str
    period: Period | None
    starts: PeriodStart = "call_end"
    minimum: Period | None = None
    minimum_ground: MinimumGround | None = None
    maximum: Period | None = None
    #: The law that requires the minimum or the maximum.
    statute: str | None = None
    at_end: AtEnd = "erase"
    match: Match = Match()

    def matches(self, call: CallTraits) -> bool:
        """Return whether a call belongs to the class."""
        agent = None if self.match.agent is None else folded(self.match.agent)
        conditions = (
            (self.match.direction, call.directions),
            (agent, call.agents),
            (self.match.place, call.places | set(map(country_of, call.places))),
        )
        return all(value is None or value in reported for value, reported in conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictDecision:
    """A person's decision between a minimum and a maximum that contradict each other."""

    #: The class with the minimum, and the class with the maximum.
    minimum_of: str
    maximum_of: str
    applies: Winner
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """One version of the policy. Without classes nothing is erased by time."""

    #: 0: none was ever set.
    version: int = 0
    classes: tuple[RetentionClass, ...] = ()
    decisions: tuple[ConflictDecision, ...] = ()
    #: IANA name.
    time_zone: str = "UTC"
    #: How long a change that shortens anything waits, and a released hold goes on.
    waiting: timedelta = DEFAULT_WAITING
    #: Why recordings may be kept longer than a notice told their caller; None: they may not.
    told_reason: str | None = None
    #: Whether the object store locks audio until the end of a minimum with the ground ``legal_obligation``. It is a
    #: part of the policy because a lock cannot be taken back: every change of it is versioned, logged and restored.
    object_lock: Later[LockSetting] = "off"
    changed_at: datetime | None = None
    changed_by: str | None = None
    #: From when it may shorten; equals ``changed_at`` for a change that shortens nothing.
    effective_at: datetime | None = None

    def matching(self, call: CallTraits) -> list[RetentionClass]:
        """Return the classes of a call, the most specific first; equals in the order of the policy."""
        classes = [one for one in self.classes if one.matches(call)]
        return sorted(classes, key=lambda one: -one.match.fields)

    @property
    def decisions_by_pair(self) -> Mapping[tuple[str, str], ConflictDecision]:
        """Return the decisions by the classes of minimum and maximum; each access builds the mapping of all of them."""
        return {(one.minimum_of, one.maximum_of): one for one in self.decisions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A minimum that can end after a maximum of the same recording."""

    minimum_of: str
    minimum: Period
    maximum_of: str
    maximum: Period


def conflicts(policy: RetentionPolicy) -> list[Conflict]:
    """Return every pair without a decision whose minimum can exceed the maximum."""
    decisions = policy.decisions_by_pair
    return [one for one in all_conflicts(policy) if (one.minimum_of, one.maximum_of) not in decisions]


def all_conflicts(policy: RetentionPolicy) -> list[Conflict]:
    """Return every pair of a minimum and a shorter maximum that one call can have."""
    return [
        Conflict(minimum_of=one.name, minimum=one.minimum, maximum_of=other.name, maximum=other.maximum)
        for one in policy.classes
        for other in policy.classes
        if one.minimum is not None and other.maximum is not None
        if one.match.meets(other.match) and one.minimum.may_exceed(other.maximum)
    ]


def shortens(before: RetentionPolicy, after: RetentionPolicy) -> bool:
    """Return whether a change can erase any recording earlier than before; true wherever that is not certain.

    It is certain for the same classes in the same order whose periods, minima and maxima only grow. Where a decision
    drops a minimum or a maximum, a longer one may be the one that is dropped.
    """
    if after.waiting < before.waiting:
        # A released hold would end earlier, and so would the wait of the next change.
        return True
    classes = [(one.name, one.match, one.starts) for one in before.classes]
    if not before.classes:
        return bool(after.classes)
    if not after.classes:
        return any(one.minimum is not None for one in before.classes)
    changed = (
        [(one.name, one.match, one.starts) for one in after.classes] != classes
        or before.time_zone != after.time_zone
        or before.decisions != after.decisions
        or (before.decisions and _limits(before) != _limits(after))
        or (before.told_reason is not None and after.told_reason is None)
    )
    return bool(changed) or any(map(_class_shortens, before.classes, after.classes))


def _limits(policy: RetentionPolicy) -> list[tuple[Period | None, Period | None]]:
    return [(one.minimum, one.maximum) for one in policy.classes]


def _class_shortens(before: RetentionClass, after: RetentionClass) -> bool:
    if before.at_end == "review" and after.at_end == "erase":
        return True
    if before.minimum_ground == "legal_obligation" != after.minimum_ground:
        return True
    return (
        _sooner(before.period, after.period)
        or _sooner(before.maximum, after.maximum)
        or (
            before.minimum is not None and (after.minimum is None or before.minimum.may_exceed(after.minimum))
        )
    )


def _sooner(before: Period | None, after: Period | None) -> bool:
    """Return whether the end can be sooner; without a period there is no end."""
    return after is not None and (before is None or before.may_exceed(after))


def in_force(
    history: Sequence[RetentionPolicy], now: datetime
) -> tuple[RetentionPolicy, tuple[RetentionPolicy, ...]]:
    """Return the policy in force, and those after it that wait. ``history`` has every version, oldest first.

    A version that was replaced while it waited is never in force, so a further change begins the wait again. Until
    then what it keeps is kept too: lengthening takes effect immediately.
    """
    current, waiting = RetentionPolicy(), list[RetentionPolicy]()
    for policy, following in zip_longest(history, history[1:]):
        until = now if following is None else following.changed_at or now
        if policy.effective_at is None or policy.effective_at <= until:
            current, waiting = policy, []
        else:
            waiting.append(policy)
    return current, tuple(waiting)


def stamp_of(current: RetentionPolicy, waiting: Sequence[RetentionPolicy]) -> int:
    """Return the mark of terms computed from these policies; it grows with each change, and when a wait ends."""
    return 2 * waiting[-1].version - 1 if waiting else 2 * current.version


def content_of(policy: RetentionPolicy) -> RetentionPolicy:
    """Return the policy's content alone, to compare two versions."""
    return replace(policy, version=0, changed_at=None, changed_by=None, effective_at=None)
