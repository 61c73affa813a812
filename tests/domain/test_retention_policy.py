"""Retention policies: conflicts, what shortens, and which version is in force."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import (
    ConflictDecision,
    Match,
    RetentionClass,
    RetentionPolicy,
    Winner,
    conflicts,
    in_force,
    shortens,
    stamp_of,
)

_T = datetime(2027, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_BASE = RetentionClass(name="a", purpose="Quality", period=parse_period("P1Y"))
_LEGAL = replace(
    _BASE, name="mifid", period=None, minimum=parse_period("P5Y"), minimum_ground="legal_obligation"
)
_CAPPED = replace(_BASE, name="cnil", period=None, maximum=parse_period("P6M"))


def _policy(*classes: RetentionClass, version: int = 1) -> RetentionPolicy:
    return RetentionPolicy(version=version, classes=classes)


def test_a_minimum_above_a_maximum_is_a_conflict_until_it_is_decided() -> None:
    """A minimum above a maximum is a conflict until it is decided."""
    policy = _policy(_LEGAL, _CAPPED)
    found = [(pair.minimum_of, pair.maximum_of) for pair in conflicts(policy)]
    assert found == [("mifid", "cnil")]
    decision = ConflictDecision(minimum_of="mifid", maximum_of="cnil", applies="minimum", reason="Counsel")
    assert conflicts(replace(policy, decisions=(decision,))) == []
    other_way = replace(decision, minimum_of="cnil", maximum_of="mifid")
    assert len(conflicts(replace(policy, decisions=(other_way,)))) == 1


def test_classes_that_no_call_can_share_do_not_conflict() -> None:
    """Classes that no call can share do not conflict."""
    inbound = replace(_LEGAL, match=Match(direction="inbound"))
    assert conflicts(_policy(inbound, replace(_CAPPED, match=Match(direction="outbound")))) == []
    assert len(conflicts(_policy(inbound, replace(_CAPPED, match=Match(place="FR"))))) == 1
    # A call can have several agents.
    first, second = Match(agent="a"), Match(agent="b")
    assert len(conflicts(_policy(replace(_LEGAL, match=first), replace(_CAPPED, match=second)))) == 1


@pytest.mark.parametrize(
    ("after", "shorter"),
    [
        (_BASE, False),
        (replace(_BASE, purpose="Training"), False),
        (replace(_BASE, period=parse_period("P2Y")), False),
        (replace(_BASE, period=None), False),
        (replace(_BASE, minimum=parse_period("P1M"), minimum_ground="business"), False),
        (replace(_BASE, at_end="review"), False),
        (replace(_BASE, period=parse_period("P30D")), True),
        (replace(_BASE, period=parse_period("P365D")), True),
        (replace(_BASE, maximum=parse_period("P3Y")), True),
        (replace(_BASE, match=Match(direction="inbound")), True),
        (replace(_BASE, name="b"), True),
        (replace(_BASE, starts="account_closed"), True),
    ],
)
def test_what_shortens(after: RetentionClass, shorter: bool) -> None:
    """What shortens."""
    assert shortens(_policy(_BASE), _policy(after)) is shorter


def test_a_first_policy_and_a_lost_minimum_shorten() -> None:
    """A first policy and a lost minimum shorten."""
    assert shortens(_policy(), _policy(_BASE))
    assert not shortens(_policy(), _policy())
    assert not shortens(_policy(_BASE), _policy())
    assert shortens(_policy(_LEGAL), _policy())
    assert shortens(_policy(_LEGAL), _policy(replace(_LEGAL, minimum_ground="business")))
    assert shortens(_policy(_LEGAL), _policy(replace(_LEGAL, minimum=parse_period("P4Y"))))
    assert shortens(_policy(replace(_BASE, at_end="review")), _policy(_BASE))
    assert shortens(_policy(_BASE), replace(_policy(_BASE), time_zone="Europe/Paris"))


def test_a_reason_that_is_dropped_and_a_shorter_wait_shorten() -> None:
    """Without the reason what notices promised applies again; with a shorter wait a released hold ends earlier."""
    reasoned, slow = (
        replace(_policy(_BASE), told_reason="A dispute"),
        replace(_policy(_BASE), waiting=30 * _DAY),
    )
    assert shortens(reasoned, _policy(_BASE))
    assert not shortens(reasoned, replace(reasoned, told_reason="Another dispute"))
    assert not shortens(_policy(_BASE), reasoned)
    assert shortens(slow, _policy(_BASE))
    assert not shortens(_policy(_BASE), slow)
    assert shortens(RetentionPolicy(waiting=30 * _DAY), RetentionPolicy())


@pytest.mark.parametrize(
    ("applies", "change"), [("maximum", {"minimum": "P40D"}), ("minimum", {"maximum": "P30D"})]
)
def test_a_longer_limit_of_a_decided_pair_shortens(applies: Winner, change: dict[str, str]) -> None:
    """The decision may drop the minimum that grew, or no longer drop the maximum that did."""
    decision = ConflictDecision(minimum_of="a", maximum_of="a", applies=applies, reason="Counsel")
    kept = replace(
        _BASE, minimum=parse_period("P1M"), minimum_ground="business", maximum=parse_period("P28D")
    )
    longer = replace(kept, **{name: parse_period(period) for name, period in change.items()})
    before, after = (replace(_policy(one), decisions=(decision,)) for one in (kept, longer))
    assert shortens(before, after)
    # A longer period alone can drop nothing.
    assert not shortens(before, replace(before, classes=(replace(kept, period=parse_period("P2Y")),)))


def _version(number: int, changed: datetime, wait: timedelta) -> RetentionPolicy:
    return replace(_policy(_BASE, version=number), changed_at=changed, effective_at=changed + wait)


def test_a_shortened_policy_waits_and_a_second_change_begins_the_wait_again() -> None:
    """A shortened policy waits and a second change begins the wait again."""
    first = _version(1, _T, 7 * _DAY)
    second = _version(2, _T + 5 * _DAY, 7 * _DAY)
    assert in_force([first], _T + 6 * _DAY) == (RetentionPolicy(), (first,))
    assert in_force([first], _T + 7 * _DAY) == (first, ())
    # Replaced while it waited, the first is never in force, but what it keeps is kept.
    assert in_force([first, second], _T + 8 * _DAY) == (RetentionPolicy(), (first, second))
    assert in_force([first, second], _T + 12 * _DAY) == (second, ())


def test_the_stamp_grows_with_each_change_and_at_the_end_of_each_wait() -> None:
    """The stamp grows with each change and at the end of each wait."""
    first, second = _version(1, _T, timedelta()), _version(2, _T + _DAY, 7 * _DAY)
    moments = [([], _T), ([first], _T), ([first, second], _T + 2 * _DAY), ([first, second], _T + 9 * _DAY)]
    stamps = [stamp_of(*in_force(history, now)) for history, now in moments]
    assert stamps == [0, 2, 3, 4]
