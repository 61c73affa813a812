"""May this recording enter? A table of what is known, and what follows from it.

What a decision says beside its verdict: every rule that has a word in it, in one order, and what it stands on.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.test_admission_table import case_of
from vault.domain.accounts.account import Switch, SwitchChange
from vault.domain.admission.decision import AdmissionInput, Place, decide
from vault.domain.consent.call_window import CallSpan, first_moment_off
from vault.domain.consent.consent_event import ConsentPolicy
from vault.domain.legal_rules.rule import Rule, strictest

T0 = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
ON = "switch_on"
#: The case as in the table of admission, and the codes of what is remarked.
REMARKS = [
    (("US-NY", "US-NY", "", ""), [ON, "rule", "no_notice_needed"]),
    (("US-CA", "US-NY", "notice before", ""), [ON, "rule", "rule", "evidence_complete"]),
    (("US-CA", "US-NY", "", "start"), [ON, "rule", "rule", "evidence_to_come"]),
    (("US-NY", "US-NY", "", "start"), [ON, "rule", "no_notice_needed"]),
    (("US-CA", "US-CA", "", ""), [ON, "rule"]),
    (("US-CA", "US-CA", "", "missing=refuse"), [ON, "rule"]),
    (("US-CA", "US-CA", "", "missing=accept"), [ON, "rule", "accepted_without_evidence"]),
    (("US-CA", "US-CA", "notice before", "missing=accept"), [ON, "rule", "evidence_complete"]),
    (("US-CA", "US-CA", "", "released"), [ON, "rule", "released"]),
    (("US-CA", "US-CA", "", "released missing=accept"), [ON, "rule", "released"]),
    (("US-CA", "US-CA", "notice before", "released"), [ON, "rule", "evidence_complete"]),
    (("US-CA", "US-CA", "no", ""), [ON, "rule"]),
    (("US-CA", "US-CA", "notice before, no", ""), [ON, "rule"]),
    (("US-NY", "US-NY", "", "objection"), [ON, "rule"]),
    (("US-NY", "US-NY", "", "off"), ["rule"]),
    (("US-NY", "US-NY", "", "start off"), ["rule"]),
    (("US-NY", "US-NY", "notice before", "mode=announce"), [ON, "rule", "policy_mode", "evidence_complete"]),
    (("US-CA", "US-CA", "notice before", "mode=announce"), [ON, "rule", "evidence_complete"]),
    ((None, None, "", ""), [ON, "rule", "place_unknown", "place_unknown"]),
    (("US-NY", None, "", ""), [ON, "rule", "rule", "place_unknown"]),
]


def at(minute: float) -> datetime:
    """Return a moment of the table's hour."""
    return T0 + timedelta(minutes=minute)


def history(*changes: tuple[float, bool]) -> list[SwitchChange]:
    """Return a history; the account is opened, switched on, at minute 0."""
    epoch, entries = 0, []
    for minute, enabled in ((0, True), *changes):
        epoch += not enabled
        entries.append(SwitchChange(enabled=enabled, epoch=epoch, at=at(minute), by="key_1", reason=None))
    return entries


def span(start: float | None, end: float | None, received: float, duration: float | None = None) -> CallSpan:
    """Return a span in minutes."""
    return CallSpan(
        started_at=None if start is None else at(start),
        ended_at=None if end is None else at(end),
        received_at=at(received),
        duration=None if duration is None else timedelta(minutes=duration),
    )


OFF_10_20 = ((10, False), (20, True))
TABLE = [
    # Changes of the switch; the call; the epoch at receipt; the codes that say no; the moment.
    ((), span(1, 2, 3), 0, [], None),
    (((10, False),), span(11, 12, 13), 1, ["switch_off", "switched_off_during_call"], 11),
    # At call start there is no epoch of a receipt, and the present switch says all there is to say.
    (((10, False),), span(11, None, 11), None, ["switch_off"], 11),
    (OFF_10_20, span(15, None, 21), None, [], 15),
    (((10, False),), span(1, 2, 3), 0, ["switch_off", "switched_off_since_receipt"], None),
    # Off and on again while in flight: the epoch alone tells.
    (OFF_10_20, span(1, 2, 3), 0, ["switched_off_since_receipt"], None),
    (OFF_10_20, span(1, 2, 30), 1, [], None),
    (OFF_10_20, span(21, 22, 30), 1, [], None),
    # Overlap, at both edges and around the whole.
    (OFF_10_20, span(5, 11, 30), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(19, 25, 30), 1, ["switched_off_during_call"], 19),
    (OFF_10_20, span(5, 25, 30), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(12, 13, 30), 1, ["switched_off_during_call"], 12),
    (OFF_10_20, span(5, 10, 30), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(20, 25, 30), 1, [], None),
    # An unknown end is the receipt; an unknown start is the end minus the decoded duration.
    (OFF_10_20, span(5, None, 15), 1, ["switched_off_during_call"], 10),
    (OFF_10_20, span(None, None, 25, 4), 1, [], None),
    (OFF_10_20, span(None, None, 25, 6), 1, ["switched_off_during_call"], 19),
    (OFF_10_20, span(None, 22, 30, 3), 1, ["switched_off_during_call"], 19),
    (OFF_10_20, span(None, 22, 30), 1, [], None),
    # A platform that swaps start and end does not hide the overlap.
    (OFF_10_20, span(25, 5, 30), 1, ["switched_off_during_call"], 10),
    # Before the account was opened counts as on.
    ((), span(-60, -50, 3), 0, [], None),
    # Several periods: the first moment is named.
    ((*OFF_10_20, (30, False), (40, True)), span(25, 35, 50), 2, ["switched_off_during_call"], 30),
    ((*OFF_10_20, (30, False), (40, True)), span(5, 35, 50), 2, ["switched_off_during_call"], 10),
]


@pytest.mark.parametrize(("changes", "call", "epoch", "codes", "moment"), TABLE)
def test_the_table_of_switches(changes, call, epoch, codes, moment):
    """Every rule that says no is named, and the first moment off is the one in the table."""
    entries = history(*changes)
    last = entries[-1]
    case = AdmissionInput(
        switch=Switch(enabled=last.enabled, epoch=last.epoch, changed_at=last.at, changed_by=last.by),
        history=entries,
        span=call,
        epoch_at_receipt=epoch,
        places=(),
        demand=strictest([Rule(place="XX", name="Nowhere", consent="one")]),
        policy=ConsentPolicy(),
        outside=frozenset({"caller"}),
        rule_book="test",
    )
    decision = decide(case)
    assert decision.record is (not codes)
    assert [reason.code for reason in decision.grounds] == codes
    assert decision.epoch == last.epoch
    assert first_moment_off(entries, call) == (None if moment is None else at(moment))


minutes = st.integers(0, 60)


@given(st.lists(minutes, min_size=1, max_size=8, unique=True), minutes, minutes)
def test_the_first_moment_off_is_what_a_walk_by_minutes_finds(changes, one, other):
    """For whole minutes the answer is the first half minute of the call at which the switch was off."""
    changes = sorted(changes)
    entries = history(*((minute, number % 2 == 1) for number, minute in enumerate(changes)))
    start, end = sorted((one, other))

    def off(moment: float) -> bool:
        return sum(change <= moment for change in changes) % 2 == 1

    walk = [half / 2 for half in range(2 * start, 2 * end + 1) if off(half / 2)]
    expected = at(walk[0]) if walk else None
    assert first_moment_off(entries, span(start, end, 61)) == expected


@pytest.mark.parametrize(
    ("case", "codes"),
    REMARKS,
    ids=lambda value: None if isinstance(value, list) else " · ".join(map(str, value)),
)
def test_every_rule_that_has_a_word_is_named(case, codes):
    """In one order, after what is against it, and nothing that did not count."""
    decision = decide(case_of(*case))
    assert [reason.code for reason in decision.remarks] == codes
    assert decision.reasons == decision.grounds + decision.remarks


@pytest.mark.parametrize(
    ("known_by", "codes"),
    [("said", []), ("account", []), ("prefix", ["place_by_prefix"]), ("nothing", ["place_unknown"])],
)
def test_a_guess_says_that_it_is_one(known_by, codes):
    """What was said is no guess; a prefix is a hint, and names the place that it hints at."""
    places = (Place(party="caller", place="US-CA" if known_by != "nothing" else None, known_by=known_by),)
    decision = decide(replace(case_of("US-CA", "US-CA", "", ""), places=places))
    guesses = [reason for reason in decision.remarks if reason.code.startswith("place_")]
    assert [reason.code for reason in guesses] == codes
    assert all(("US-CA" in reason.text) is (known_by == "prefix") for reason in guesses)
    assert decision.places == places


@pytest.mark.parametrize(
    ("place", "words"), [("US-DE", "disagree"), ("CN", "No default is shipped"), ("US-CA", "all parties (")]
)
def test_the_rule_says_how_sure_it_is(place, words):
    """Contested, not shipped, or neither."""
    (said,) = [reason for reason in decide(case_of(place, place, "", "")).remarks if reason.code == "rule"]
    if place == "US-CA":
        assert said.text.endswith("asks for the consent of all parties.")
    else:
        assert words in said.text


def test_a_decision_names_what_it_stands_on():
    """The epoch of the switch as it is now, the versions of policy and rule book, and whom else to tell."""
    case = case_of("US-NY", "US-NY", "", "off and on")
    decision = decide(replace(case, policy=replace(case.policy, version=7), rule_book="2026.1"))
    assert (decision.epoch, decision.policy_version, decision.rule_book) == (1, 7, "2026.1")
    assert case.epoch_at_receipt == 0
    asked = [decide(case_of(place, "US-NY", "", "")).agent_notice for place in ("FR", "US-NY")]
    assert asked == [True, False]
    for agent_notice in (True, False):
        changed = replace(case, demand=replace(case.demand, agent_notice=agent_notice))
        assert decide(changed).agent_notice is agent_notice


def test_the_words_of_a_policy_stand_in_no_decision():
    """Rows keep decisions in clear: one names the version of the policy, whose reason is sealed beside it."""
    accepting = case_of("US-CA", "US-CA", "", "missing=accept")
    decision = decide(accepting)
    assert accepting.policy.reason == "a reason"
    assert [one.code for one in decision.remarks][-1] == "accepted_without_evidence"
    assert not any("a reason" in one.text for one in decision.reasons)
    assert decision.policy_version == accepting.policy.version


@pytest.mark.parametrize(("until", "verdict"), [(-1, "allow"), (0, "allow"), (1, "refuse"), (None, "refuse")])
def test_an_objection_counts_to_the_moment_at_which_it_ended(until, verdict):
    """A call that begins at that very moment, or later, may be recorded."""
    case = case_of("US-NY", "US-NY", "", "objection")
    (objection,) = case.objections
    ended = None if until is None else case.span.start + timedelta(milliseconds=until)
    assert decide(replace(case, objections=(replace(objection, until=ended),))).verdict == verdict
