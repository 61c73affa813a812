"""The precedence of holds, minima, persons' wishes and periods, as a table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vault.domain.retention.hold import HeldCandidate, Hold, RecordingSelection, covering
from vault.domain.retention.judge import Outcome, Wish, judge
from vault.domain.retention.period import parse_period
from vault.domain.retention.policy import (
    CallTraits,
    ConflictDecision,
    Match,
    RetentionClass,
    RetentionPolicy,
    Winner,
)
from vault.domain.retention.terms import CallTimes, RetentionTerms, later_of, retention_terms

NOW = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PASSED, AHEAD = NOW - DAY, NOW + DAY
HOLD = Hold(
    id="hold_1",
    account_id="acct_1",
    covers=RecordingSelection(everything=True),
    placed_at=PASSED,
    placed_by="key_1",
)
TERMS = RetentionTerms(version=1, class_name="sales")
_DUE = replace(TERMS, act_at=PASSED)
_LEGAL = replace(_DUE, legal_until=AHEAD, minimum_until=AHEAD)
_BUSINESS = replace(_DUE, minimum_until=AHEAD)


@pytest.mark.parametrize(
    ("held", "terms", "wish", "outcome"),
    [
        # 1. A hold: nothing erases. A person's wish waits for its end.
        (True, _DUE, None, "keep"),
        (True, _DUE, "retention", "keep"),
        (True, TERMS, "deletion", "keep"),
        (True, TERMS, "request", "pending_erasure"),
        (True, TERMS, "withdrawal", "pending_erasure"),
        (True, _LEGAL, "request", "pending_erasure"),
        # 2. A minimum by a legal obligation stops everything.
        (False, _LEGAL, "retention", "keep"),
        (False, _LEGAL, "deletion", "keep"),
        (False, _LEGAL, "request", "keep"),
        (False, _LEGAL, "withdrawal", "keep"),
        # 3. A business minimum stops retention and a plain deletion, not a person's wish.
        (False, _BUSINESS, "retention", "keep"),
        (False, _BUSINESS, "deletion", "keep"),
        (False, _BUSINESS, "request", "due"),
        # 4. A person's wish, or a deletion, is done now.
        (False, TERMS, "withdrawal", "due"),
        (False, TERMS, "deletion", "due"),
        (False, replace(TERMS, conflict=True), "request", "due"),
        # 5. The end of the period. A contradiction is never resolved silently.
        (False, _DUE, "retention", "due"),
        (False, replace(_DUE, conflict=True), "retention", "conflict"),
        # 6. Otherwise it is kept.
        (False, replace(TERMS, act_at=AHEAD), "retention", "keep"),
        (False, TERMS, "retention", "keep"),
    ],
)
def test_precedence(held: bool, terms: RetentionTerms, wish: Wish | None, outcome: Outcome) -> None:
    """The first rule that applies decides, whatever the later ones say."""
    judgement = judge(terms, [HOLD] if held else [], wish, NOW)
    assert judgement.outcome == outcome
    if held:
        assert judgement.reasons[0].source == "hold_1"


@pytest.mark.parametrize(("late", "outcome"), [(timedelta(0), "due"), (timedelta(microseconds=1), "keep")])
def test_a_recording_is_due_from_the_very_moment(late: timedelta, outcome: Outcome) -> None:
    """A recording is due from the very moment."""
    assert judge(replace(TERMS, act_at=NOW + late), [], None, NOW).outcome == outcome


def _class(name: str, *, match: Match | None = None, **periods: str) -> RetentionClass:
    of = {name: parse_period(text) for name, text in periods.items()}
    return RetentionClass(
        name=name,
        purpose="Quality",
        period=of.get("period"),
        minimum=of.get("minimum"),
        minimum_ground="business" if "minimum" in of else None,
        maximum=of.get("maximum"),
        match=match or Match(),
    )


_TIMES = CallTimes(received_at=datetime(2026, 1, 3, tzinfo=UTC), ended_at=datetime(2026, 1, 1, 9, tzinfo=UTC))
_CALL = CallTraits(directions=frozenset({"inbound"}), agents=frozenset({"amal"}))


def _terms(*classes: RetentionClass, call: CallTraits = _CALL, **more: object) -> RetentionTerms:
    return retention_terms(RetentionPolicy(version=1, classes=classes, **more), call, _TIMES)  # type: ignore[arg-type]


def test_the_longest_minimum_and_the_shortest_maximum_apply() -> None:
    """The longest minimum and the shortest maximum apply."""
    terms = _terms(
        _class("a", minimum="P1M", maximum="P6M"), _class("b", minimum="P2M", maximum="P4M", period="P1Y")
    )
    assert terms.minimum_until == datetime(2026, 3, 2, tzinfo=UTC)
    assert terms.act_at == datetime(2026, 5, 1, tzinfo=UTC)


def test_the_period_is_that_of_the_most_specific_class() -> None:
    """The period is that of the most specific class."""
    terms = _terms(_class("all", period="P1M"), _class("in", period="P1Y", match=Match(direction="inbound")))
    assert (terms.class_name, terms.act_at) == ("in", datetime(2027, 1, 2, tzinfo=UTC))


def test_a_period_never_ends_before_a_minimum() -> None:
    """A period never ends before a minimum."""
    assert _terms(_class("a", period="P1M", minimum="P1Y")).act_at == datetime(2027, 1, 2, tzinfo=UTC)


def test_a_call_that_no_class_matches_is_kept() -> None:
    """A call that no class matches is kept."""
    terms = _terms(_class("out", period="P1D", match=Match(direction="outbound")))
    judgement = judge(terms, [], None, NOW)
    assert (judgement.outcome, judgement.reasons[0].code) == ("keep", "no_class")


def test_a_period_that_has_not_begun_never_ends() -> None:
    """A period that has not begun never ends."""
    kept = replace(_class("a", period="P3Y"), starts="contact_ended")
    judgement = judge(_terms(kept), [], None, NOW + 4000 * DAY)
    assert (judgement.outcome, judgement.reasons[0].code) == ("keep", "not_begun")


@pytest.mark.parametrize(
    ("applies", "act_at"),
    [("maximum", datetime(2026, 7, 1, tzinfo=UTC)), ("minimum", datetime(2031, 1, 2, tzinfo=UTC))],
)
def test_a_conflict_ends_only_with_a_decision(applies: Winner, act_at: datetime) -> None:
    """A conflict ends only with a decision."""
    classes = _class("mifid", minimum="P5Y", period="P5Y"), _class("cnil", maximum="P6M")
    assert (_terms(*classes).conflict, _terms(*classes).act_at) == (True, None)
    decision = ConflictDecision(minimum_of="mifid", maximum_of="cnil", applies=applies, reason="Counsel")
    terms = _terms(*classes, decisions=(decision,))
    assert (terms.conflict, terms.act_at) == (False, act_at)


def test_a_minimum_and_a_maximum_of_the_same_length_are_no_conflict() -> None:
    """A minimum and a maximum of the same length are no conflict."""
    terms = _terms(_class("a", minimum="P6M", maximum="P6M"))
    assert (terms.conflict, terms.act_at) == (False, datetime(2026, 7, 2, tzinfo=UTC))


def test_what_the_caller_was_told_is_a_maximum_unless_the_policy_gives_a_reason() -> None:
    """What the caller was told is a maximum unless the policy gives a reason."""
    policy = RetentionPolicy(version=2, classes=(_class("a", period="P1Y"),))
    told = [parse_period("P6M")]
    assert retention_terms(policy, _CALL, _TIMES, told).act_at == datetime(2026, 7, 1, tzinfo=UTC)
    reasoned = replace(policy, told_reason="A dispute")
    assert retention_terms(reasoned, _CALL, _TIMES, told).act_at == datetime(2027, 1, 2, tzinfo=UTC)


def test_while_a_policy_waits_whatever_either_keeps_is_kept() -> None:
    """While a policy waits whatever either keeps is kept."""
    short, long = _terms(_class("a", period="P1M")), _terms(_class("a", period="P1Y", minimum="P6M"))
    for both in (later_of(short, long), later_of(long, short)):
        assert (both.act_at, both.minimum_until) == (long.act_at, long.minimum_until)
    assert later_of(short, replace(long, act_at=None)).act_at is None


@pytest.mark.parametrize(
    ("times", "base"),
    [
        (_TIMES, "call_end"),
        (replace(_TIMES, ended_at=None, played_until=datetime(2026, 1, 2, tzinfo=UTC)), "start_and_length"),
        (replace(_TIMES, ended_at=None), "receipt"),
    ],
)
def test_the_base_of_a_period_is_the_best_known_moment(times: CallTimes, base: str) -> None:
    """The base of a period is the best known moment."""
    terms = retention_terms(RetentionPolicy(version=1, classes=(_class("a", period="P1D"),)), _CALL, times)
    assert terms.base == base


_CANDIDATE = HeldCandidate(
    recording_id="rec_1", call_ref="call-1", starts=[NOW], terms=frozenset({b"n1", b"n2"})
)


@pytest.mark.parametrize(
    ("covers", "covered"),
    [
        (RecordingSelection(recordings=frozenset({"rec_1"})), True),
        (RecordingSelection(recordings=frozenset({"rec_2"})), False),
        (RecordingSelection(calls=frozenset({"call-1"})), True),
        (RecordingSelection(terms=frozenset({b"n2"})), True),
        (RecordingSelection(terms=frozenset({b"n3"})), False),
        (RecordingSelection(terms=frozenset({b"n2"}), from_=AHEAD), False),
        (RecordingSelection(terms=frozenset({b"n2"}), from_=NOW, to=AHEAD), True),
        (RecordingSelection(everything=True), True),
        (RecordingSelection(everything=True, to=NOW), False),
        # A time does not take away what is named.
        (RecordingSelection(recordings=frozenset({"rec_1"}), to=NOW), True),
        (RecordingSelection(), False),
    ],
)
def test_what_a_hold_covers(covers: RecordingSelection, covered: bool) -> None:
    """What a hold covers."""
    assert bool(covering([replace(HOLD, covers=covers)], _CANDIDATE, NOW)) is covered


def test_a_released_hold_goes_on_until_its_grace_has_passed() -> None:
    """A released hold goes on until its grace has passed."""
    released = replace(HOLD, released_at=PASSED, released_by="key_2", free_at=AHEAD)
    assert covering([released], _CANDIDATE, NOW)
    assert not covering([released], _CANDIDATE, AHEAD)


def test_the_end_of_a_hold_is_for_its_review_and_ends_nothing() -> None:
    """The end of a hold is for its review and ends nothing."""
    assert covering([replace(HOLD, ends_at=PASSED)], _CANDIDATE, NOW)
