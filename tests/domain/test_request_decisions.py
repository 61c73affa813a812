"""Decisions on requests: which codes a kind allows, what they do, and how the request ends."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from vault.domain.requests.decision import (
    CODES,
    GRANTING,
    WAITS,
    check_certainty,
    check_ruling,
    effect_of,
    outcome_of,
)
from vault.domain.requests.found import gaps_between
from vault.domain.requests.request import KINDS, OPEN, TRANSITIONS, Kind, RequestState, Ruling, Verdict
from vault.errors import Invalid, Refused

NOW = datetime(2027, 1, 31, tzinfo=UTC)


def ruling(code: str, *, reason: str | None = "told", **verdicts: str) -> Ruling:
    """Return a decision on two recordings."""
    return Ruling(
        default=Verdict(code=code, statute="a law" if code == "kept_legal_obligation" else None),
        verdicts={name: Verdict(code=verdict) for name, verdict in verdicts.items()},
        recordings=("rec_1", "rec_2"),
        reason=reason,
        at=NOW,
        by="key_a",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_granted_by_its_own_codes_alone(kind: Kind):
    """An access request erases nothing, and an erasure gives nothing away."""
    grants = set().union(*GRANTING.values())
    for code in CODES:
        if code in grants - GRANTING[kind]:
            with pytest.raises(Invalid, match="is granted by"):
                check_ruling(kind, ruling(code))
        elif code != WAITS:
            check_ruling(kind, ruling(code))


def test_a_refusal_has_a_reason_and_a_legal_obligation_its_statute():
    """The person must be told both."""
    with pytest.raises(Invalid, match="reason is required"):
        check_ruling("erasure", ruling("erased", reason=None, rec_1="kept_claims"))
    with pytest.raises(Invalid, match="statute"):
        check_ruling("erasure", ruling("erased", rec_1="kept_legal_obligation"))
    with pytest.raises(Invalid, match="did not find"):
        check_ruling("erasure", ruling("erased", rec_3="kept_claims"))
    with pytest.raises(Invalid, match="code must be one of"):
        check_ruling("erasure", ruling("deleted"))
    with pytest.raises(Invalid, match="Send erased"):
        check_ruling("erasure", ruling("erased", rec_1="waits_for_hold"))
    check_ruling("erasure", ruling("erased", reason=None))


def test_what_is_kept_for_a_duty_alone_is_restricted():
    """For the kinds that an erasure can grant, as docs/requests.md says; a request for access restricts nothing."""
    for code in ("kept_legal_obligation", "kept_claims", "pending_hold", "waits_for_hold"):
        restricting = {kind for kind in KINDS if effect_of(kind, Verdict(code=code)) == "restrict"}
        assert restricting == {"erasure", "objection", "post_mortem"}
        assert effect_of("access", Verdict(code=code)) == "nothing"
    assert effect_of("erasure", Verdict(code="not_yours")) == "nothing"


@pytest.mark.parametrize(
    ("codes", "state"),
    [
        ({"erased"}, RequestState.FULFILLED),
        ({"no_match"}, RequestState.FULFILLED),
        ({"erased", "no_match"}, RequestState.FULFILLED),
        ({"erased", "kept_claims"}, RequestState.PARTLY_FULFILLED),
        ({"kept_claims"}, RequestState.DENIED),
        ({"pending_hold"}, RequestState.DENIED),
        ({"waits_for_hold"}, RequestState.WAITS_FOR_HOLD),
        ({"waits_for_hold", "no_match"}, RequestState.WAITS_FOR_HOLD),
        ({"waits_for_hold", "kept_claims"}, RequestState.PARTLY_FULFILLED),
        ({"waits_for_hold", "erased"}, RequestState.PARTLY_FULFILLED),
        ({"unfounded"}, RequestState.DENIED),
    ],
)
def test_a_request_ends_as_its_decisions_say(codes: set[str], state: RequestState):
    """Some of both is partly fulfilled."""
    assert outcome_of("erasure", codes) is state


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("erasure", "erased"),
        ("objection", "erased"),
        ("post_mortem", "erased"),
        ("access", "provided"),
        ("portability", "provided_whole"),
        ("post_mortem", "provided"),
    ],
)
def test_case_34_what_may_be_anothers_is_not_erased_or_given(kind: Kind, code: str):
    """Whatever kind of request it is, and also where only one recording is decided so."""
    review = RequestState.REVIEW
    for decided in (ruling(code), ruling("no_match", rec_1=code)):
        with pytest.raises(Refused) as gap:
            check_certainty(kind, review, decided, is_one_holder=False)
        assert gap.value.reasons == ("period_needed",)
        check_certainty(kind, review, decided, is_one_holder=True)
    check_certainty(kind, review, ruling("not_yours"), is_one_holder=False)


def test_nothing_is_erased_or_provided_for_somebody_unverified():
    """A refusal needs no verification."""
    waiting = RequestState.AWAITING_IDENTITY
    with pytest.raises(Refused) as unknown:
        check_certainty("erasure", waiting, ruling("erased"), is_one_holder=True)
    assert unknown.value.reasons == ("not_verified",)
    with pytest.raises(Refused) as unknown:
        check_certainty("access", waiting, ruling("provided"), is_one_holder=True)
    assert unknown.value.reasons == ("not_verified",)
    check_certainty("erasure", waiting, ruling("not_verified"), is_one_holder=False)


def test_a_gap_is_longer_than_45_days():
    """A number may be given to somebody else after that."""
    days = [datetime(2027, 3, 18, tzinfo=UTC), NOW, datetime(2027, 3, 17, tzinfo=UTC)]
    assert gaps_between(days[:2])[0].since == NOW
    assert gaps_between([*days]) == ()
    assert gaps_between([]) == ()


def test_every_state_is_reached_and_the_final_ones_are_left_by_nothing():
    """The table of transitions is whole."""
    targets = set().union(*TRANSITIONS.values())
    assert targets | {RequestState.AWAITING_IDENTITY} == set(RequestState)
    assert [state for state in RequestState if state not in TRANSITIONS] == [
        RequestState.FULFILLED,
        RequestState.PARTLY_FULFILLED,
        RequestState.WAITS_FOR_HOLD,
        RequestState.DENIED,
        RequestState.WITHDRAWN,
    ]
    assert all(after in TRANSITIONS[before] for before, after in pairwise(OPEN))
