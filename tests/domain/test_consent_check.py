"""What parties must be told, at its edges: where a notice lies, how much of it is heard, and what counts as one.

A no stands until the same party consents again, after it.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.test_admission_table import at, case_of
from vault.domain.admission.decision import decide
from vault.domain.consent.call_window import CallSpan
from vault.domain.consent.consent_event import (
    Answer,
    ConsentEvent,
    ConsentPolicy,
    Method,
    Party,
    parties_against,
)
from vault.domain.consent.requirements import Need, missing
from vault.domain.legal_rules.rule import Rule, strictest

#: A rule of each kind, by what it asks.
LENIENT = {"consent": "one"}
NOTICE = {"consent": "notice"}
ALL = {"consent": "all"}
OPT_IN = {"consent": "opt_in"}
TONE = {"tone_accepted": True}
FIRST = {"capture_before_consent": False}
INSIDE = {"notice_in_recording": True}
ROUTE = {"refusal_route": True}
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def need_of(rule: dict, mode: str = "none") -> Need:
    """Return what a rule and an account's policy ask together."""
    plain = {"capture_before_consent": True, "tone_accepted": False, "notice_in_recording": False,
             "refusal_route": False}  # fmt: skip
    demand = strictest([Rule(place="XX", name="Nowhere", **(plain | rule))])
    return Need.of(demand, ConsentPolicy(mode=mode))


@pytest.mark.parametrize(
    ("rule", "asked", "level", "mode", "position", "codes"),
    [
        (LENIENT, "none", "one", "none", "any", []),
        # Where nothing must be told, it is no matter where it would have to be.
        (LENIENT | FIRST, "none", "one", "none", "any", []),
        (LENIENT | INSIDE, "none", "one", "none", "any", []),
        (LENIENT | FIRST, "announce", "notice", "announce", "before", ["policy_mode"]),
        (LENIENT | INSIDE, "announce", "notice", "announce", "inside", ["policy_mode"]),
        (NOTICE, "none", "notice", "announce", "any", []),
        (NOTICE, "announce", "notice", "announce", "any", []),
        (NOTICE | ROUTE, "none", "notice", "opt_out_key", "any", []),
        (NOTICE, "opt_out_key", "notice", "opt_out_key", "any", ["policy_mode"]),
        (ALL, "none", "all", "announce", "any", []),
        (ALL | FIRST, "none", "all", "announce", "before", []),
        (ALL | INSIDE, "none", "all", "announce", "inside", []),
        (ALL | INSIDE | FIRST, "none", "all", "announce", "before_and_inside", []),
        (ALL, "opt_in_key", "opt_in", "opt_in_key", "any", ["policy_mode"]),
        (OPT_IN, "none", "opt_in", "opt_in_key", "any", []),
        (OPT_IN, "announce", "opt_in", "opt_in_key", "any", []),
        (OPT_IN | ROUTE, "opt_out_key", "opt_in", "opt_in_key", "any", []),
        # A tone stands for a notice where the law takes it, and the account wants it, and no key is asked for.
        (NOTICE | TONE, "none", "notice", "announce", "any", []),
        (NOTICE | TONE, "tone", "notice", "tone", "any", []),
        (NOTICE, "tone", "notice", "announce", "any", []),
        (NOTICE | TONE | ROUTE, "tone", "notice", "opt_out_key", "any", []),
        (OPT_IN | TONE, "tone", "opt_in", "opt_in_key", "any", []),
        (LENIENT | TONE, "tone", "notice", "tone", "any", ["policy_mode"]),
    ],
)  # fmt: skip
def test_law_and_policy_ask_together(rule, asked, level, *, mode, position, codes):
    """The stricter of the two, and a remark where that is the account's own wish."""
    need = need_of(rule, asked)
    assert (need.level, need.mode, need.position) == (level, mode, position)
    assert [reason.code for reason in need.reasons] == codes
    # One party's consent takes a tone where it takes anything, and its own rule does not forbid it.
    assert need.tone_accepted is (rule.get("tone_accepted", False) or rule["consent"] == "one")


#: The recording begins at second 10 of the call and is 60 seconds long.
SPAN = CallSpan(
    started_at=at(0), ended_at=at(70), received_at=at(75), duration=timedelta(seconds=60), described=True
)


def event(answer="announced", second=0.0, *, length=None, offset=None, method=None, party="caller"):
    """Return what was told or answered at a second of the call."""
    return ConsentEvent(
        id="told_1", party=party, answer=answer, at=at(second), heard_at=at(90), told_by="key_1",
        method=method or ("announcement" if answer == "announced" else "key"),
        length=None if length is None else timedelta(seconds=length),
        offset=None if offset is None else timedelta(seconds=offset),
    )  # fmt: skip


def lacking(need: Need, *events: ConsentEvent, span: CallSpan = SPAN) -> list[str]:
    """Return the codes of what is missing for the caller."""
    return [reason.code for reason in missing(need, events, frozenset({"caller"}), span)]


EARLY, OUTSIDE = ["captured_before_consent"], ["notice_outside_recording"]


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        # By the clock: platforms count in whole seconds, and two of them are let pass.
        (event(second=4, length=6), []),
        (event(second=6, length=6), []),
        (event(second=6.01, length=6), EARLY),
        (event(second=12), []),
        (event(second=12.01), EARLY),
        (event("accepted", second=12), []),
        (event("accepted", second=12.01), EARLY),
        # By the offset, which is exact, and beats the clock.
        (event(second=50, length=6, offset=-6), []),
        (event(second=0, length=6, offset=-5.99), EARLY),
        (event(second=0, offset=0), []),
        (event(second=0, offset=0.01), EARLY),
        # Zero is a length too.
        (event(second=12, length=0), []),
    ],
)
def test_what_must_come_first_was_over_before_the_recording_began(told, codes):
    """A notice to its end, and an answer when it was given."""
    assert lacking(need_of(ALL | FIRST), told) == codes


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        # By the offset: three quarters of the prompt are heard, or it does not count.
        (event(length=8, offset=0), []),
        (event(length=8, offset=-2), []),
        (event(length=8, offset=-2.01), OUTSIDE),
        (event(length=8, offset=54), []),
        (event(length=8, offset=54.01), OUTSIDE),
        (event(length=8, offset=-8), OUTSIDE),
        (event(length=8, offset=61), OUTSIDE),
        # Longer than the recording: a part of it is heard, and not enough.
        (event(length=80, offset=0), []),
        (event(length=81, offset=0), OUTSIDE),
        # By the clock.
        (event(second=10, length=8), []),
        (event(second=8, length=8), []),
        (event(second=7.99, length=8), OUTSIDE),
        (event(second=64, length=8), []),
        (event(second=64.01, length=8), OUTSIDE),
        # Of unknown length, or none: nobody can say that it was heard.
        (event(second=20), OUTSIDE),
        (event(second=20, length=0), OUTSIDE),
        # An answer is no notice, and a tone is none where it is not accepted.
        (event("accepted", second=20, length=6), OUTSIDE),
    ],
)
def test_what_must_be_inside_is_heard_in_the_recording(told, codes):
    """Nearly all of it."""
    assert lacking(need_of(ALL | INSIDE), told) == codes


def test_a_tone_inside_does_not_stand_for_the_notice():
    """Not where the law does not take it, though a notice was heard elsewhere; it does where the law takes it."""
    both = event(second=0, length=6), event(second=20, length=1, method="tone")
    assert lacking(need_of(ALL | INSIDE), *both) == OUTSIDE
    assert lacking(need_of(ALL | INSIDE | TONE), *both) == []
    assert lacking(need_of(ALL), both[1]) == ["tone_not_accepted"]
    assert lacking(need_of(ALL)) == ["notice_missing"]


@pytest.mark.parametrize(
    ("told", "codes"),
    [
        ([event("accepted", 9)], []),
        ([event("accepted", 9, method="speech")], []),
        ([event("accepted", -999, method="form")], []),
        # To have heard something is no yes.
        ([event("accepted", 9, method="announcement")], ["consent_missing"]),
        ([event("accepted", 9, method="tone")], ["consent_missing"]),
        ([event(second=2, length=6)], ["consent_missing"]),
        ([event("accepted", 9, party="callee")], ["consent_missing"]),
        # The notice came first, and the yes did not.
        ([event(second=2, length=6), event("accepted", 30)], EARLY),
        ([event("accepted", 30), event("accepted", 9)], []),
    ],
)
def test_where_a_yes_is_needed_it_is_a_yes_in_time(told, codes):
    """By key, word or letter, of the party itself, and before the recording began."""
    assert lacking(need_of(OPT_IN | FIRST), *told) == codes


@pytest.mark.parametrize(
    ("rule", "codes"),
    [(ALL, []), (ALL | FIRST, EARLY), (ALL | INSIDE, OUTSIDE), (ALL | INSIDE | FIRST, EARLY + OUTSIDE)],
)
def test_what_could_not_be_decoded_shows_nothing(rule, codes):
    """Its beginning is unknown for good, so nothing can be shown to lie before it or inside."""
    undecoded = replace(SPAN, duration=None)
    told = event(second=0, length=6)
    assert lacking(need_of(rule), told, span=undecoded) == codes
    # Before anybody looked at the audio that is not held against it.
    assert lacking(need_of(rule), told, span=replace(undecoded, described=False)) == []
    # An offset says what came first, whatever could be decoded.
    assert lacking(need_of(ALL | FIRST), event(length=6, offset=-6), span=undecoded) == []


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        ("", ["callee", "caller"]),
        ("notice before", ["callee"]),
        ("notice to callee", ["caller"]),
        ("notice before, notice to callee", []),
    ],
)
def test_everybody_outside_must_know(words, lacks):
    """Each is asked about by name, in one order."""
    decision = decide(case_of("US-CA", "US-CA", words, "unknown direction"))
    assert [reason.text.split("the ")[1].split()[0].strip(".") for reason in decision.grounds] == lacks


def said(
    answer: Answer, at: int, *, party: Party = "caller", method: Method = "form", received: int | None = None
) -> ConsentEvent:
    """Return an said at this minute, received then or at another minute."""
    return ConsentEvent(
        id="told_1", party=party, answer=answer, method=method, at=NOON + timedelta(minutes=at),
        heard_at=NOON + timedelta(minutes=at if received is None else received), told_by="key_1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "against"),
    [
        ([], ()),
        ([said("accepted", 0)], ()),
        ([said("announced", 0)], ()),
        ([said("declined", 1)], ("caller",)),
        ([said("withdrawn", 1)], ("caller",)),
        ([said("withdrawn", 1), said("accepted", 2)], ()),
        ([said("declined", 1), said("accepted", 2), said("withdrawn", 3)], ("caller",)),
        # Consent of before the no takes nothing back, however late it is reported.
        ([said("accepted", 0), said("withdrawn", 1)], ("caller",)),
        ([said("withdrawn", 1), said("accepted", 0, received=2)], ("caller",)),
        ([said("withdrawn", 1), said("accepted", 1)], ("caller",)),
        # The last no counts, in the order in which they were given.
        ([said("withdrawn", 5), said("declined", 1, received=6), said("accepted", 3, received=7)], ("caller",)),
        ([said("withdrawn", 1), said("declined", 5), said("accepted", 3, received=6)], ("caller",)),
        # Hearing a notice is no consent.
        ([said("withdrawn", 1), said("announced", 2)], ("caller",)),
        ([said("withdrawn", 1), said("accepted", 2, method="announcement")], ("caller",)),
        # Nobody consents for another party.
        ([said("withdrawn", 1), said("accepted", 2, party="callee")], ("caller",)),
        ([said("withdrawn", 1), said("declined", 1, party="callee"), said("accepted", 2)], ("callee",)),
        # A no that is dated in the future can be taken back once it was received.
        ([said("declined", 90, received=1), said("accepted", 2)], ()),
        # A consent that is dated in the future was given when it was received.
        ([said("accepted", 90, received=0), said("declined", 1)], ("caller",)),
    ],
)  # fmt: skip
def test_whose_no_stands(events: list[ConsentEvent], against: tuple[Party, ...]):
    """Those of whom the last word is a no."""
    assert parties_against(events) == against
