"""What parties are told and answer, and what becomes of their call's recordings, wherever these are by then."""

from datetime import timedelta

import pytest

from tests.fakes.fetcher import Media
from tests.support.parties import (
    CALLER,
    ME,
    ago,
    announced,
    evidence,
    grounds,
    kept_apart,
    kinds,
    let_in,
    nothing_left,
    results,
    set_policy,
    tell,
    through_the_gate,
    told,
)
from tests.support.service_house import AUDIO, URL, House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.errors import NotFound, Refused

KEPT, IN, NO = State.QUARANTINED, State.AVAILABLE, State.REFUSED


@pytest.mark.parametrize(
    ("words", "state", "against"),
    [
        ("", KEPT, ["notice_missing"]),
        ("announced", IN, []),
        ("announced, announced", IN, []),
        ("accepted", IN, []),
        ("accepted, accepted", IN, []),
        ("agent announced", KEPT, ["notice_missing"]),
        ("callee announced", KEPT, ["notice_missing"]),
        ("declined", NO, ["declined"]),
        ("declined, declined", NO, ["declined"]),
        ("withdrawn", NO, ["withdrawn"]),
        ("announced, withdrawn", NO, ["withdrawn"]),
        ("callee declined", NO, ["declined"]),
        ("agent declined", NO, ["declined"]),
        # The strictest counts, whichever came first.
        ("accepted, declined", NO, ["declined"]),
        ("declined, accepted", NO, ["declined"]),
    ],
)
async def test_what_was_told_before_the_recording_came(house: House, words, state, against):
    """All of it counts, at the announcement and at the gate, and a refusal leaves neither key nor evidence."""
    await set_policy(house)
    await told(house, words)
    recording_id = await announced(house)
    if state is not NO:
        await through_the_gate(house, recording_id)
    assert await house.state(recording_id) is state
    # What else is against it is no matter here; where nothing is, nothing is.
    assert (await grounds(house, recording_id))[: len(against) or 1] == against
    assert await nothing_left(house, recording_id) is (state is NO)


@pytest.mark.parametrize(
    ("words", "state", "result"),
    [
        ("agent announced", KEPT, []),
        ("announced", IN, ["evidence_complete"]),
        ("accepted", IN, ["evidence_complete"]),
        ("announced, announced", IN, ["evidence_complete"]),
        ("declined", NO, []),
        ("agent declined", NO, []),
        ("withdrawn", NO, []),
        ("declined, accepted", NO, []),
        ("agent announced, declined", NO, []),
    ],
)
async def test_what_is_told_while_the_recording_waits(house: House, words, state, result):
    """It lets the recording out of quarantine by itself, or refuses it, and both only once."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    await told(house, words)
    assert await house.state(recording_id) is state
    assert await results(house, recording_id, "recording.available") == result
    assert (await results(house, recording_id, "recording.refused") != []) is (state is NO)
    assert await nothing_left(house, recording_id) is (state is NO)
    row = await house.row(recording_id)
    assert (row.quarantined_until is None, row.audio is None) == {
        KEPT: (False, False), IN: (True, False), NO: (False, True)
    }[state]  # fmt: skip


@pytest.mark.parametrize("answer", ["declined", "withdrawn"])
@pytest.mark.parametrize("step", ["received", "fetching", "retry_wait", "stored"])
async def test_a_no_refuses_what_is_on_its_way(house: House, step: str, answer):
    """At once, for good, with its keys, and of this call alone."""
    await set_policy(house)
    other = await let_in(house, "other", call_ref="call-2")
    recording_id = await announced(house)
    third = await announced(house, "third", call_ref="call-3", url=f"{URL}?third")
    await house.set(third, not_before=ago(-3600))
    fetching = None
    if step == "fetching":
        fetching = await house.fetching()
    elif step == "retry_wait":
        house.fetcher.serve(URL, Media(body=AUDIO, fail_at=10))
        await house.vault.jobs.ingest()
        house.fetcher.serve(URL, Media(body=AUDIO))
    elif step == "stored":
        await house.vault.jobs.ingest()
    await tell(house, answer)
    row = await house.row(recording_id)
    assert (row.state, [reason.code for reason in row.reasons]) == (NO, [answer])
    assert await nothing_left(house, recording_id)
    if fetching is not None:
        house.go_on()
        assert await fetching
    await tell(house, "accepted")
    assert await through_the_gate(house, recording_id) is NO
    assert await results(house, recording_id, "recording.refused") == [answer]
    assert (await house.state(other), await house.state(third)) == (IN, State.RECEIVED)
    assert (await house.announce()).status == "refused"


@pytest.mark.parametrize(
    ("against", "code"), [("decline", "declined"), ("switch", "switched_off_since_receipt")]
)
async def test_an_upload_is_told_what_refused_it(house: House, against, code):
    """Its last block comes after the no, or after the switch went off: what was sealed of it is gone."""

    async def body():
        yield AUDIO[:100]
        if against == "decline":
            await tell(house, "declined")
        else:
            await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
        yield AUDIO[100:]

    with pytest.raises(Refused) as caught:
        await house.vault.ingest.uploads.store(house.account.id, "call-1", "up", body(), **ME)
    assert caught.value.reasons == (code,)
    assert house.audio_objects() == []


@pytest.mark.parametrize("answer", ["declined", "withdrawn"])
async def test_a_no_restricts_what_is_there(house: House, answer):
    """It is kept, and nobody hears it; the evidence says why. An admin may lift that after a new consent."""
    await set_policy(house)
    recording_id = await let_in(house)
    assert await house.heard(recording_id) == AUDIO
    await tell(house, answer)
    row = await house.row(recording_id)
    assert (row.state, row.restricted) == (IN, True)
    with pytest.raises(NotFound):
        await house.heard(recording_id)
    assert (await evidence(house, recording_id)).chain[-1].content["event"]["answer"] == answer
    assert await results(house, recording_id, "recording.restricted") == [answer]
    assert await results(house, recording_id, "recording.erasing") == []
    lift = {"restricted": False, "reason": "a mistake", **ME}
    with pytest.raises(Refused) as caught:
        await house.vault.recordings.recordings.restrict(house.account.id, recording_id, **lift)
    assert caught.value.reasons == ("party_refused",)
    await tell(house, "accepted", method="form")
    with pytest.raises(NotFound):
        await house.heard(recording_id)
    await house.vault.recordings.recordings.restrict(house.account.id, recording_id, **lift)
    assert await house.heard(recording_id) == AUDIO
    assert await kinds(house, recording_id) == ["gate", "consent", "consent", "restriction"]


@pytest.mark.parametrize("answer", ["declined", "withdrawn"])
async def test_a_no_erases_what_is_there_where_the_policy_says_so(house: House, answer):
    """Its keys and its evidence are gone immediately, its objects soon."""
    await set_policy(house, withdrawal="erase")
    recording_id = await let_in(house)
    await house.vault.jobs.write_manifests()
    await tell(house, answer)
    assert await house.state(recording_id) is State.ERASING
    assert await nothing_left(house, recording_id)
    assert await results(house, recording_id, "recording.erasing") == [answer]
    assert await house.settle(recording_id) is State.ERASED
    assert house.lasting_objects() == []
    # A second no finds nothing more to do, and is kept all the same.
    assert (await tell(house, answer)).verdict == "refuse"
    # What the platform sends of the call later is kept out, too, though nothing else of the call is left.
    late = await announced(house, "rec-2")
    assert await house.state(late) is State.REFUSED
    assert set(await grounds(house, late)) == {answer}


async def test_one_answer_deals_with_every_recording_of_its_call(house: House):
    """One is heard already, one waits, one is stored, one is only announced; a foreign one stays as it is."""
    await set_policy(house)
    there = await let_in(house, "there")
    await set_policy(house, mode="opt_in_key")
    waits = await announced(house, "waits")
    assert await through_the_gate(house, waits) is KEPT
    stored = await announced(house, "stored")
    await house.hurry(stored)
    await house.vault.jobs.ingest()
    new = await announced(house, "new")
    foreign = await announced(house, "foreign", call_ref="call-2")
    await tell(house, "declined")
    states = [await house.state(one) for one in (there, waits, stored, new, foreign)]
    assert states == [IN, NO, NO, NO, State.RECEIVED]
    assert (await house.row(there)).restricted
    assert [await nothing_left(house, one) for one in (there, waits, stored, new)] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("said_by", ["the announcement", "the call's start"])
@pytest.mark.parametrize("number", ["caller", "callee"])
async def test_an_objection_is_seen_when_evidence_lets_a_recording_out(house: House, said_by, number):
    """The number may have been said by the announcement alone, which nobody repeats."""
    await set_policy(house)
    if said_by == "the call's start":
        facts = CallFacts(call_ref="call-1", direction="inbound", caller=CALLER, callee="+12125550100")
        await house.vault.recordings.calls.start(house.account.id, facts)
    recording_id = await kept_apart(house)
    objector = {"caller": CALLER, "callee": "+12125550100"}[number]
    await house.vault.consent.objections.enter(house.account.id, objector, reason=None, **ME)
    assert await house.state(recording_id) is KEPT
    await tell(house, "announced")
    assert (await house.state(recording_id), await grounds(house, recording_id)) == (NO, ["objection"])
    assert await nothing_left(house, recording_id)
    assert await results(house, recording_id, "recording.refused") == ["objection"]


async def test_what_waits_is_let_in_by_what_its_account_accepts_by_then(house: House):
    """The policy at the moment of the next word decides, and the event does not call that evidence complete."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    await set_policy(house, missing_evidence="accept", reason="a test")
    assert await house.state(recording_id) is KEPT
    await tell(house, "announced", party="agent")
    assert await house.state(recording_id) is IN
    assert await results(house, recording_id, "recording.available") == ["accepted_without_evidence"]


async def test_the_answer_is_how_the_case_stands(house: House):
    """Everything that was told so far is in the decision, and who told it is on record."""
    await set_policy(house)
    assert (await tell(house, "announced")).verdict == "allow"
    decision = await tell(house, "declined", party="callee")
    assert (decision.verdict, [reason.code for reason in decision.grounds]) == ("refuse", ["declined"])
    assert (await tell(house, "accepted")).verdict == "refuse"
    assert (await house.events()).count("consent.told") == 3
    rows = await house.database.read(lambda tx: tx.consents.of_call(house.account.id, "call-1"))
    assert [row.heard_at for row in rows] == sorted(row.heard_at for row in rows)
    assert len({row.id for row in rows}) == 3


async def test_a_yes_changes_nothing_of_what_is_there(house: House):
    """An available recording stays as it is; its evidence grows."""
    await set_policy(house)
    recording_id = await let_in(house)
    before = await house.row(recording_id)
    await tell(house, "accepted")
    assert await house.row(recording_id) == before
    assert await kinds(house, recording_id) == ["gate", "consent"]


async def test_a_late_word_is_older_than_the_moment_it_is_heard(house: House):
    """What is told of a moment an hour ago is kept with both moments."""
    await set_policy(house)
    at = ago(3600)
    await tell(house, "announced", at=at, length=timedelta(seconds=6))
    recording_id = await announced(house)
    await through_the_gate(house, recording_id)
    (event,) = (await evidence(house, recording_id)).sealed.content["consent"]
    assert event["at"] == at.isoformat(timespec="microseconds").replace("+00:00", "Z") < event["heard_at"]
    assert (event["length"], event["told_by"], event["party"]) == (6.0, "key_test", "caller")
