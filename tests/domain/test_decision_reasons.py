"""What a decision says beside its verdict: every rule that has a word in it, in one order, and what it stands on."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.domain.test_admission_table import case_of
from vault.domain.admission.decision import Place, decide

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
