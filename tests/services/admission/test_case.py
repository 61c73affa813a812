"""A case as it is put together: where the parties are, whose law counts, who is outside, and whose numbers they are."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.parties import (
    CALLEE,
    CALLER,
    ME,
    PARTIES,
    ago,
    announced,
    grounds,
    kept_apart,
    set_policy,
    tell,
    through_the_gate,
)
from tests.support.service_house import House
from tests.support.tenant import moment
from vault.domain.calls.call import CallFacts
from vault.domain.legal_rules.rule import RuleOverride
from vault.domain.recordings.recording import RecordingFilter, State

PARIS, HIDDEN = "+33142345678", "anonymous"


async def decision(house: House, **facts):
    """Return the decision at the start of a call."""
    return (
        await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", **facts))
    ).decision


@pytest.mark.parametrize(
    ("facts", "caller", "callee"),
    [
        # Said beats the prefix, and the prefix beats the account's own place.
        ({"caller": CALLER, "callee": CALLEE}, ("US-CA", "prefix"), ("US-NY", "prefix")),
        ({"caller": PARIS, "callee": CALLEE}, ("FR", "prefix"), ("US-NY", "prefix")),
        ({"caller": CALLER, "caller_place": "FR"}, ("FR", "said"), ("GB", "account")),
        ({"caller": CALLER, "callee": HIDDEN}, ("US-CA", "prefix"), ("GB", "account")),
        ({"caller": HIDDEN, "callee": CALLEE, "callee_place": "US-WA"}, (None, "nothing"), ("US-WA", "said")),
        # The account's place is that of its own side alone.
        ({"caller": HIDDEN, "callee": HIDDEN}, (None, "nothing"), ("GB", "account")),
        ({"direction": "outbound", "callee": HIDDEN}, ("GB", "account"), (None, "nothing")),
        ({"direction": None, "caller": HIDDEN}, (None, "nothing"), (None, "nothing")),
    ],
)
async def test_a_party_is_where_it_is_best_known_to_be(house: House, facts, caller, callee):
    """And the decision says how that is known."""
    await set_policy(house, home_place="GB")
    made = await decision(house, **({"direction": "inbound"} | facts))
    assert [(one.party, one.place, one.known_by) for one in made.places] == [
        ("caller", *caller), ("callee", *callee)
    ]  # fmt: skip


async def test_without_a_place_of_its_own_an_account_is_nowhere(house: House):
    """Nothing is guessed."""
    await set_policy(house)
    assert [one.known_by for one in (await decision(house, direction="inbound")).places] == ["nothing"] * 2


@pytest.mark.parametrize(
    ("override", "place", "mode"),
    [
        (None, "US-CA", "announce"),
        ("US-CA", "US-CA", "none"),
        ("US-WA", "US-CA", "announce"),
        # A country's counts for a part of it for which the book has no rule, and not for one that has its own.
        ("DE", "DE", "none"),
        ("DE", "DE-BY", "none"),
        ("US", "US-CA", "announce"),
        # The unknown place has a name in the policy.
        ("*", None, "none"),
        ("*", "US-CA", "announce"),
        ("US-CA", None, "opt_out_key"),
    ],
)
async def test_an_account_has_its_own_word_on_a_place(house: House, override, place, mode):
    """On that place and no other."""
    said = RuleOverride(
        place=override or "FR", consent="one", notice_in_recording=False, capture_before_consent=True,
        tone_accepted=True, refusal_route=False, reason="our lawyer", author="key_1", at=datetime.now(UTC),
    )  # fmt: skip
    await set_policy(house, overrides=(said,))
    made = await decision(house, direction="inbound", caller_place=place, callee_place="US-NY")
    assert made.mode == mode


@pytest.mark.parametrize(
    ("direction", "party", "state"),
    [
        ("inbound", "caller", State.AVAILABLE),
        ("inbound", "callee", State.QUARANTINED),
        ("outbound", "callee", State.AVAILABLE),
        ("outbound", "caller", State.QUARANTINED),
        (None, "caller", State.QUARANTINED),
        (None, "callee", State.QUARANTINED),
        (None, "both", State.AVAILABLE),
    ],
)
async def test_who_is_outside_the_account_must_know(house: House, direction, party, state):
    """Customers call it or are called by it; where nobody says which, both must know."""
    await set_policy(house)
    for one in ("caller", "callee") if party == "both" else (party,):
        await tell(house, "announced", party=one)
    recording_id = await announced(house, direction=direction)
    assert await through_the_gate(house, recording_id) is state


@pytest.mark.parametrize("side", ["from", "to"])
@pytest.mark.parametrize("written", ["+14155550199", "+1 (415) 555-0199", "tel:+14155550199"])
async def test_an_objection_counts_however_the_number_is_written(house: House, side: str, written: str):
    """On either side of the call: at its start, at the announcement, and at the gate."""
    enter = house.vault.consent.objections.enter
    numbers = {"from": CALLER, "to": CALLEE} | {side: written}
    facts = CallFacts(call_ref="call-2", caller=numbers["from"], callee=numbers["to"])
    on_its_way = (await house.announce("before", call_ref="call-2", **numbers)).recording_id
    assert (await house.vault.recordings.calls.start(house.account.id, facts)).decision.record
    await enter(house.account.id, "+1 415 555 0199", reason=None, **ME)
    answer = await house.vault.recordings.calls.start(house.account.id, facts)
    assert [reason.code for reason in answer.decision.grounds] == ["objection"]
    assert answer.notices == ()
    refused = await house.announce("after", **numbers)
    assert refused.status == "refused"
    assert await through_the_gate(house, on_its_way) is State.REFUSED
    for recording_id in (on_its_way, refused.recording_id):
        assert "objection" in await grounds(house, recording_id)


async def test_an_objection_is_of_one_account_and_one_number(house: House):
    """The same number calls another account, and another number this one: both are let in."""
    mine = house.account
    other, _ = await house.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    await house.vault.recordings.calls.start(mine.id, CallFacts(call_ref="warm", caller=CALLER))
    await house.vault.consent.objections.enter(other.id, CALLER, reason=None, **ME)
    await house.vault.consent.objections.enter(mine.id, "+14155550124", reason=None, **ME)
    recording_id = await announced(house)
    assert await through_the_gate(house, recording_id) is State.AVAILABLE
    facts = CallFacts(call_ref="call-1", caller=CALLER)
    assert (await house.vault.recordings.calls.start(other.id, facts)).decision.grounds[0].code == "objection"
    assert (await house.vault.recordings.calls.start(mine.id, facts)).decision.grounds == ()


@pytest.mark.parametrize("late", [False, True], ids=["before the recording", "after it"])
async def test_what_is_told_of_a_call_beats_what_its_recording_said(house: House, *, late: bool):
    """The platform corrects the number of the caller: the number as it is corrected must not be recorded."""
    await house.vault.consent.objections.enter(house.account.id, "+14155550199", reason=None, **ME)
    facts = CallFacts(call_ref="call-1", caller="+14155550199")
    if not late:
        await house.vault.recordings.calls.start(house.account.id, facts)
    recording_id = await announced(house)
    if late:
        await house.vault.recordings.calls.start(house.account.id, facts)
    assert await through_the_gate(house, recording_id) is State.REFUSED
    assert (await grounds(house, recording_id))[0] == "objection"


async def test_an_objection_that_ended_before_the_call_does_not_count(house: House):
    """The same number is recorded again, in calls that began after it was taken off the list."""
    await house.vault.consent.objections.enter(house.account.id, CALLER, reason=None, **ME)
    await house.vault.consent.objections.end(house.account.id, CALLER, **ME)
    early = await announced(house, "early", started_at=moment(ago(60)), ended_at=moment(ago(0)))
    late = await announced(
        house, "late", call_ref="call-2", started_at=moment(ago(-1)), ended_at=moment(ago(-2))
    )
    assert await house.state(early) is State.REFUSED
    assert await through_the_gate(house, late) is State.AVAILABLE


@pytest.mark.parametrize(
    ("begins", "kept"),
    [
        # Seconds from the beginning of the recording to that of the notice, which is a tenth of a second long.
        (0.0, True), (0.1, True), (0.12, True), (-0.02, True), (0.15, False), (-0.09, False), (5.0, False)
    ],
)  # fmt: skip
@pytest.mark.parametrize("by", ["the clock", "an offset"])
async def test_a_notice_is_looked_for_in_the_recording(house: House, begins: float, by: str, *, kept: bool):
    """By the end of the call and the decoded length, which is a fifth of a second; Washington asks for that."""
    await set_policy(house)
    ended = ago(30)
    began = ended - timedelta(seconds=0.2)
    offset = timedelta(seconds=begins) if by == "an offset" else None
    at = began + timedelta(seconds=begins) if by == "the clock" else ended
    await tell(house, "announced", at=at, offset=offset, length=timedelta(seconds=0.1))
    facts = CallFacts(call_ref="call-1", direction="inbound", caller_place="US-WA", callee_place="US-NY")
    await house.vault.recordings.calls.start(house.account.id, facts)
    times = {"started_at": moment(ended - timedelta(seconds=20)), "ended_at": moment(ended)}
    recording_id = await announced(house, **times)
    state = await through_the_gate(house, recording_id)
    assert (state is State.AVAILABLE) is kept
    assert await grounds(house, recording_id) == ([] if kept else ["notice_outside_recording"])


async def test_what_lacks_its_notice_inside_is_told_so_again_when_it_waits(house: House):
    """In quarantine the audio is known: a notice before the recording is still not one inside."""
    await set_policy(house)
    facts = CallFacts(call_ref="call-1", direction="inbound", caller_place="US-WA", callee_place="US-NY")
    await house.vault.recordings.calls.start(house.account.id, facts)
    ended = ago(30)
    recording_id = await kept_apart(
        house, started_at=moment(ended - timedelta(seconds=20)), ended_at=moment(ended)
    )
    for second, state in ((-10, State.QUARANTINED), (-0.15, State.AVAILABLE)):
        at = ended + timedelta(seconds=second)
        await tell(house, "announced", at=at, length=timedelta(seconds=0.1))
        assert await house.state(recording_id) is state


@pytest.mark.parametrize("policy", ["quarantine", "refuse", "accept"])
async def test_the_policy_decides_about_missing_evidence(house: House, policy: str):
    """Kept apart, refused before a byte is fetched, or accepted with the reason on record."""
    await set_policy(house, missing_evidence=policy, reason="a test")
    recording_id = await announced(house)
    expected = {"quarantine": "quarantined", "refuse": "refused", "accept": "available"}[policy]
    if policy != "refuse":
        await through_the_gate(house, recording_id)
    assert str(await house.state(recording_id)) == expected
    assert (house.objects.calls == []) is (policy == "refuse")


async def test_where_a_notice_lies_is_asked_once_the_audio_is_known(house: House):
    """An account that refuses what lacks evidence does not refuse what nobody has listened to yet."""
    await set_policy(house, missing_evidence="refuse")
    facts = CallFacts(call_ref="call-1", direction="inbound", caller_place="US-WA", callee_place="US-NY")
    await house.vault.recordings.calls.start(house.account.id, facts)
    ended = ago(30)
    await tell(house, "announced", at=ended - timedelta(seconds=0.15), length=timedelta(seconds=0.1))
    recording_id = await announced(house, ended_at=moment(ended))
    assert await through_the_gate(house, recording_id) is State.AVAILABLE


async def test_a_recording_is_found_by_all_that_was_said_of_its_call(house: House):
    """By numbers and agent, from its announcement and from the call's events."""
    await house.vault.recordings.calls.start(house.account.id, CallFacts(call_ref="call-1", agent="Kim"))
    recording_id = await announced(house)
    await through_the_gate(house, recording_id)
    for wanted in ({"number": CALLER}, {"number": CALLEE}, {"agent": "kim"}):
        asked = {"number": None, "agent": None} | wanted
        found = await house.vault.recordings.recordings.page(
            house.account.id, RecordingFilter(), **asked, before=None, limit=5
        )
        assert [view.recording.id for view in found] == [recording_id]
    assert PARTIES["from"] == CALLER
