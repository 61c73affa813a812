"""JSON schemas of retention policies."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from vault.domain.calls.call import Direction
from vault.domain.legal_rules.rule_book_loader import UNKNOWN, read_place
from vault.domain.retention.object_lock import LockSetting
from vault.domain.retention.period import Period, parse_period
from vault.domain.retention.policy import (
    DEFAULT_WAITING,
    MAX_CLASSES,
    NO_POLICY,
    AtEnd,
    ConflictDecision,
    Match,
    MinimumGround,
    PeriodStart,
    RetentionClass,
    RetentionPolicy,
    Winner,
)
from vault.errors import Invalid
from vault.services.retention.retention_policy import RetentionView
from vault.web.schemas.base import Body, MomentOut, Text

_Name = Annotated[str, Field(min_length=1, max_length=64)]
_PeriodText = Annotated[str, Field(min_length=1, max_length=40)]


class MatchIn(Body):
    """The calls of a class; a field that is not sent matches any."""

    direction: Direction | None = None
    agent: Text | None = None
    #: A party's place, reported or told by the prefix of a number: ``FR``, ``US-WA``. ``US`` covers ``US-WA``.
    place: Annotated[str, Field(max_length=8)] | None = None


class RetentionClassIn(Body):
    """A class of recordings, and how long they are kept."""

    #: A code, such as ``quality``.
    name: Annotated[_Name, Field(alias="class")]
    #: What the recordings are kept for.
    purpose: Text
    #: ISO 8601 in years, months, weeks or days: ``P1Y``, ``P6M``, ``P90D``.
    period: _PeriodText | None = None
    #: What begins the period. What the vault is not told never begins.
    starts: Annotated[PeriodStart, Field(alias="from")] = "call_end"
    minimum: _PeriodText | None = None
    #: Only ``legal_obligation`` stops an erasure that a person asks for.
    minimum_ground: MinimumGround | None = None
    maximum: _PeriodText | None = None
    #: The law that requires the minimum or the maximum.
    statute: Text | None = None
    #: ``review``: the recording is restricted, and a person decides.
    at_end: AtEnd = "erase"
    match: MatchIn = MatchIn()

    def wanted(self, field: str) -> RetentionClass:
        """Return the class. Raises Invalid for a text that is not a period."""
        return RetentionClass(
            name=self.name,
            purpose=self.purpose,
            period=_period(self.period, f"{field}.period"),
            starts=self.starts,
            minimum=_period(self.minimum, f"{field}.minimum"),
            minimum_ground=self.minimum_ground,
            maximum=_period(self.maximum, f"{field}.maximum"),
            statute=self.statute,
            at_end=self.at_end,
            match=Match(
                direction=self.match.direction,
                agent=self.match.agent,
                place=_place(self.match.place, f"{field}.match.place"),
            ),
        )


class ConflictDecisionIn(Body):
    """A decision between a minimum and a shorter maximum."""

    minimum_of: _Name
    maximum_of: _Name
    applies: Winner
    reason: Text


class RetentionPolicyIn(Body):
    """A retention policy. Without classes nothing is erased by time."""

    classes: Annotated[list[RetentionClassIn], Field(max_length=MAX_CLASSES)]
    decisions: Annotated[list[ConflictDecisionIn], Field(default_factory=list)]
    #: IANA name: periods end at a midnight of it.
    time_zone: Annotated[str, Field(max_length=64)] = "UTC"
    #: How long a change that shortens anything waits, and a released hold goes on.
    waiting_days: Annotated[int, Field(strict=True)] = DEFAULT_WAITING.days
    #: Why recordings may be kept longer than a notice told their caller; null: they may not.
    told_reason: Text | None = None
    #: Whether the object store locks audio until the end of a minimum with the ground ``legal_obligation``. A lock in
    #: ``compliance`` cannot be lifted by anybody, one in ``governance`` only with a special permission of the bucket.
    object_lock: LockSetting = "off"

    def wanted(self) -> RetentionPolicy:
        """Return the policy. Raises Invalid."""
        return RetentionPolicy(
            classes=tuple(kept.wanted(f"classes.{place}") for place, kept in enumerate(self.classes)),
            decisions=tuple(
                ConflictDecision(
                    minimum_of=found.minimum_of,
                    maximum_of=found.maximum_of,
                    applies=found.applies,
                    reason=found.reason,
                )
                for found in self.decisions
            ),
            time_zone=self.time_zone,
            waiting=timedelta(days=max(-1, min(self.waiting_days, 1000))),
            told_reason=self.told_reason,
            object_lock=self.object_lock,
        )


class MatchOut(BaseModel):
    """The calls of a class; null matches any."""

    direction: Direction | None
    agent: str | None
    place: str | None


class RetentionClassOut(BaseModel):
    """A class of recordings."""

    name: Annotated[str, Field(serialization_alias="class")]
    purpose: str
    period: str | None
    starts: Annotated[PeriodStart, Field(serialization_alias="from")]
    minimum: str | None
    minimum_ground: MinimumGround | None
    maximum: str | None
    statute: str | None
    at_end: AtEnd
    match: MatchOut


class ConflictDecisionOut(BaseModel):
    """A decision between a minimum and a shorter maximum."""

    minimum_of: str
    maximum_of: str
    applies: Winner
    reason: str


class RetentionVersionOut(BaseModel):
    """One version of a retention policy."""

    #: 0: none was ever set.
    version: int
    classes: list[RetentionClassOut]
    decisions: list[ConflictDecisionOut]
    time_zone: str
    waiting_days: int
    told_reason: str | None
    object_lock: LockSetting
    changed_at: MomentOut | None
    changed_by: str | None
    #: From when it may shorten.
    effective_at: MomentOut | None

    @classmethod
    def of(cls, policy: RetentionPolicy) -> "RetentionVersionOut":
        """Show a version."""
        classes = [
            RetentionClassOut(
                name=kept.name,
                purpose=kept.purpose,
                period=_text(kept.period),
                starts=kept.starts,
                minimum=_text(kept.minimum),
                minimum_ground=kept.minimum_ground,
                maximum=_text(kept.maximum),
                statute=kept.statute,
                at_end=kept.at_end,
                match=MatchOut(**{name: getattr(kept.match, name) for name in Match.__slots__}),
            )
            for kept in policy.classes
        ]
        decisions = [
            ConflictDecisionOut(**{name: getattr(found, name) for name in ConflictDecision.__slots__})
            for found in policy.decisions
        ]
        same = (
            "version", "time_zone", "told_reason", "object_lock", "changed_at", "changed_by", "effective_at",
        )  # fmt: skip
        return cls(
            classes=classes,
            decisions=decisions,
            waiting_days=policy.waiting.days,
            **{name: getattr(policy, name) for name in same},
        )


class RetentionPolicyOut(RetentionVersionOut):
    """The policy in force, and the one that waits."""

    #: The newest version, while it waits: until then whatever either keeps is kept.
    waiting: RetentionVersionOut | None = None
    #: Set while nothing is erased by time: the account has no classes.
    warning: str | None = None

    @classmethod
    def view(cls, view: RetentionView) -> "RetentionPolicyOut":
        """Show the policy."""
        shown = RetentionVersionOut.of(view.current)
        waiting = RetentionVersionOut.of(view.waiting[-1]) if view.waiting else None
        warning = None if view.current.classes else NO_POLICY
        return cls(**dict(shown), waiting=waiting, warning=warning)


class RetentionHistoryQuery(Body):
    """A page of versions. The cursor is the ``next_cursor`` of the previous page."""

    cursor: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class RetentionHistoryOut(BaseModel):
    """A page of the versions that were set, oldest first."""

    items: list[RetentionVersionOut]
    next_cursor: str | None = None


def _place(written: str | None, field: str) -> str | None:
    """Return a place as it is compared: ``uk`` is ``GB``."""
    if written is None:
        return None
    try:
        place = read_place(written)
    except Invalid:
        place = UNKNOWN
    if place == UNKNOWN:
        raise Invalid("The place of a class is a country such as FR, or a state such as US-WA.", field=field)
    return place


def _period(text: str | None, field: str) -> Period | None:
    return None if text is None else parse_period(text, field=field)


def _text(period: Period | None) -> str | None:
    return None if period is None else str(period)
