"""Compute from the policy when a recording may go, and when it must: from the bounds of every class of its call.

These are the retention terms. Search terms, which are keyed hashes of numbers and names, are another thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from typing import Literal

from vault.domain.retention.period import Period, Rounding, end_of, parse_zone
from vault.domain.retention.policy import (
    AtEnd,
    CallTraits,
    MinimumGround,
    RetentionClass,
    RetentionPolicy,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactEnd:
    """What is known of the end of the contact that a recording belongs to: ``contact_ended`` counts from then.

    A controller tells it, because calls do not say it: the end of a contract, or of the last conversation about an
    offer.
    """

    recording_id: str
    account_id: str
    #: None: it was told and taken back, so the contact goes on.
    ended_at: datetime | None
    told_at: datetime
    told_by: str


#: Which moment a period counts from: the call's end, else its start and the decoded length, else the receipt.
Base = Literal["call_end", "start_and_length", "receipt"]
BoundKind = Literal["minimum", "period", "maximum", "told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimes:
    """The times that a period can count from."""

    received_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: When the contact that it belongs to ended; None while nobody said so.
    contact: ContactEnd | None = None
    #: When the call began and the decoded length ended; None where the start or the length is unknown.
    played_until: datetime | None = None

    @property
    def base(self) -> tuple[Base, datetime]:
        """Return the moment, and which one it is."""
        if self.ended_at is not None:
            return "call_end", self.ended_at
        if self.played_until is not None:
            return "start_and_length", self.played_until
        return "receipt", self.received_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One minimum, maximum or period of a class, and when it ends for this recording."""

    kind: BoundKind
    class_name: str
    period: str
    #: None where it has not begun.
    until: datetime | None
    statute: str | None = None
    ground: MinimumGround | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionTerms:
    """When a recording may go and must go, by one policy."""

    version: int
    #: The most specific class; None if no class matches.
    class_name: str | None = None
    base: Base = "receipt"
    base_at: datetime | None = None
    #: When it is due; None: never.
    act_at: datetime | None = None
    at_end: AtEnd = "erase"
    #: The end of the latest minimum, and of the latest with the ground ``legal_obligation``.
    minimum_until: datetime | None = None
    legal_until: datetime | None = None
    conflict: bool = False
    bounds: tuple[Bound, ...] = ()


def retention_terms(
    policy: RetentionPolicy, call: CallTraits, times: CallTimes, notice_periods: Sequence[Period] = ()
) -> RetentionTerms:
    """Compute the terms: the longest minimum, the shortest maximum, and the period of the most specific class.

    ``notice_periods``: the periods that notices told the caller; each is a maximum unless the policy gives a reason.
    """
    base, base_at = times.base
    classes = policy.matching(call)
    if not classes:
        return RetentionTerms(version=policy.version, base=base, base_at=base_at)
    bounds = _bounds(policy, classes, times)
    if policy.told_reason is None:
        bounds += [_bound(policy, "told", classes[0], period, base_at) for period in notice_periods]
    contradictions, dropped = _contradictions(policy, bounds)
    minima = [bound for bound in bounds if bound.kind == "minimum" and bound not in dropped]
    ends = [bound for bound in bounds if bound.kind != "minimum" and bound not in dropped]
    minimum_until = _latest(minima)
    act_at = min((bound.until for bound in ends if bound.until is not None), default=None)
    if act_at is not None and minimum_until is not None:
        act_at = max(act_at, minimum_until)
    return RetentionTerms(
        version=policy.version,
        class_name=classes[0].name,
        base=base,
        base_at=base_at,
        act_at=None if contradictions else act_at,
        at_end=classes[0].at_end,
        minimum_until=minimum_until,
        legal_until=_latest([bound for bound in minima if bound.ground == "legal_obligation"]),
        conflict=contradictions,
        bounds=tuple(bounds),
    )


def retention_terms_under(
    policies: Sequence[RetentionPolicy],
    call: CallTraits,
    times: CallTimes,
    notice_periods: Sequence[Period] = (),
) -> RetentionTerms:
    """Compute the terms under the policy in force and those that wait: whatever one of them keeps is kept."""
    return reduce(later_of, [retention_terms(policy, call, times, notice_periods) for policy in policies])


def later_of(current: RetentionTerms, waiting: RetentionTerms) -> RetentionTerms:
    """Return the terms while a policy waits: whatever either keeps is kept. No end at all is the latest."""
    act_at = None
    if current.act_at is not None and waiting.act_at is not None:
        act_at = max(current.act_at, waiting.act_at)
    review = "review" in (current.at_end, waiting.at_end)
    return replace(
        current,
        act_at=act_at,
        at_end="review" if review else "erase",
        minimum_until=_later(current.minimum_until, waiting.minimum_until),
        legal_until=_later(current.legal_until, waiting.legal_until),
        conflict=current.conflict or waiting.conflict,
    )


def not_before(terms: RetentionTerms, before: RetentionTerms, wait_ends: datetime) -> RetentionTerms:
    """Return the terms of what is known now, whose end comes sooner than that of ``before`` only after a wait.

    No end at all is the latest.
    """
    if terms.act_at is None or (before.act_at is not None and before.act_at <= terms.act_at):
        return terms
    waits = max(terms.act_at, wait_ends)
    return replace(terms, act_at=waits if before.act_at is None else min(waits, before.act_at))


def _bounds(policy: RetentionPolicy, classes: Sequence[RetentionClass], times: CallTimes) -> list[Bound]:
    bounds, (_, base_at) = [], times.base
    for one in classes:
        if one.minimum is not None:
            bounds.append(_bound(policy, "minimum", one, one.minimum, base_at))
        if one.period is not None and one is classes[0]:
            bounds.append(_period_of(policy, one, one.period, times))
        if one.maximum is not None:
            bounds.append(_bound(policy, "maximum", one, one.maximum, base_at))
    return bounds


def _period_of(policy: RetentionPolicy, class_: RetentionClass, period: Period, times: CallTimes) -> Bound:
    """Return the period of a class from what begins it.

    The end of a contact may be said long after it, or by mistake: then the period ends no sooner than the policy's
    waiting time after that was said, in which it can be taken back.
    """
    (_, base_at), contact = times.base, times.contact
    if class_.starts != "contact_ended" or contact is None or contact.ended_at is None:
        return _bound(policy, "period", class_, period, base_at if class_.starts == "call_end" else None)
    bound = _bound(policy, "period", class_, period, max(base_at, contact.ended_at))
    return replace(bound, until=_later(bound.until, contact.told_at + policy.waiting))


def _bound(
    policy: RetentionPolicy, kind: BoundKind, class_: RetentionClass, period: Period, begun: datetime | None
) -> Bound:
    rounding: Rounding = "last" if kind in {"minimum", "period"} else "first"
    until = None if begun is None else end_of(period, begun, parse_zone(policy.time_zone), rounding)
    ground = class_.minimum_ground if kind == "minimum" else None
    return Bound(
        kind=kind,
        class_name=class_.name,
        period=str(period),
        until=until,
        statute=class_.statute,
        ground=ground,
    )


def _contradictions(policy: RetentionPolicy, bounds: Sequence[Bound]) -> tuple[bool, set[Bound]]:
    """Return whether a minimum ends after a maximum without a decision, and the bounds that decisions drop."""
    minima, maxima = ([one for one in bounds if one.kind == kind] for kind in ("minimum", "maximum"))
    open_pairs, dropped = False, set[Bound]()
    pairs = [(least, most) for least in minima for most in maxima if is_after(least.until, most.until)]
    decisions = policy.decisions_by_pair if pairs else {}
    for least, most in pairs:
        decision = decisions.get((least.class_name, most.class_name))
        if decision is not None:
            dropped.add(most if decision.applies == "minimum" else least)
        # Rounding alone moves the two ends of equal periods a day apart: the minimum holds.
        elif least.period != most.period:
            open_pairs = True
    return open_pairs, dropped


def _latest(bounds: Sequence[Bound]) -> datetime | None:
    return max((bound.until for bound in bounds if bound.until is not None), default=None)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def is_after(moment: datetime | None, other: datetime | None) -> bool:
    """Return whether both moments are known and the first is later."""
    return moment is not None and other is not None and moment > other
