"""Quarantine and its three ends: release by the same gate, refusal by an admin, and expiry."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.parties import (
    CALLEE,
    CALLER,
    ME,
    Interrupted,
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
)
from tests.support.service_house import AUDIO, LONG_AGO, House
from vault.domain.calls.call import CallFacts
from vault.domain.recordings.recording import State
from vault.domain.stored.manifest import location_of
from vault.errors import NotFound, Refused


async def release(house: House, recording_id: str):
    """Release a recording."""
    return await house.vault.recordings.quarantine.release(
        house.account.id, recording_id, reason="she agreed on paper", **ME
    )


async def refuse(house: House, recording_id: str) -> None:
    """Refuse a recording."""
    await house.vault.recordings.quarantine.refuse(
        house.account.id, recording_id, reason="nobody asked", **ME
    )


async def test_what_waits_cannot_be_heard(house: House):
    """It is sealed and read back, and has no manifest, because a bucket alone must not give it away."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    with pytest.raises(NotFound):
        await house.heard(recording_id)
    assert not await house.vault.jobs.write_manifests()
    assert location_of(house.account.id, recording_id) not in house.objects.objects
    assert await results(house, recording_id, "recording.quarantined") == ["notice_missing"]
    row = await house.row(recording_id)
    assert (row.available_at, row.duration) == (None, 0.2)
    assert await house.vault.jobs.describe() is False


async def test_a_release_lets_it_in(house: House):
    """It is heard, listed with its manifest, and on record with the admin and the reason."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    decision = await release(house, recording_id)
    assert (decision.verdict, [reason.code for reason in decision.grounds]) == ("allow", ["notice_missing"])
    row = await house.row(recording_id)
    assert (row.state, row.reasons, row.quarantined_until) == (State.AVAILABLE, (), None)
    assert row.available_at is not None
    assert await house.heard(recording_id) == AUDIO
    assert await house.vault.jobs.write_manifests()
    assert location_of(house.account.id, recording_id) in house.objects.objects
    assert await kinds(house, recording_id) == ["gate", "release", "gate"]
    kept, word, let = (await evidence(house, recording_id)).chain
    assert (word.content["by"], word.content["reason"]) == ("key_test", "she agreed on paper")
    assert [one.content["decision"]["verdict"] for one in (kept, let)] == ["quarantine", "allow"]
    assert "released" in [reason["code"] for reason in let.content["decision"]["reasons"]]
    assert await results(house, recording_id, "recording.available") == ["released"]
    (event,) = await house.database.read(
        lambda tx: [
            logged.event
            for logged in tx.events.page(house.account.id, recording_id=recording_id, start=0, limit=99)
            if logged.event.type == "recording.available"
        ]
    )
    assert (event.actor, event.evidence) == ("key_test", let.digest)


async def switch_quietly(house: House, *, enabled: bool) -> None:
    """Set the switch without refusing what is on its way, which the verb does in the same transaction."""
    await house.database.write(
        lambda tx: tx.accounts.set_switch(
            house.account.id, enabled=enabled, at=tx.now(), by="key_1", reason=None
        )
    )


async def decline_quietly(house: House, recording_id: str) -> None:
    """Tell of a decline while the recording seems to be elsewhere."""
    await house.set(recording_id, state="failed")
    await tell(house, "declined")
    await house.set(recording_id, state="quarantined")


@pytest.mark.parametrize(
    ("against", "code"),
    [
        ("objection of the caller", "objection"),
        ("objection of the callee", "objection"),
        ("decline", "declined"),
        ("switch off", "switch_off"),
        ("switch off and on", "switched_off_since_receipt"),
    ],
)
async def test_a_release_goes_through_the_same_gate(house: House, against, code):
    """An admin answers for evidence that is missing, and for nothing else: what is forbidden is refused for good."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    if "objection" in against:
        number = CALLER if "caller" in against else CALLEE
        await house.vault.consent.objections.enter(house.account.id, number, reason=None, **ME)
    elif against == "decline":
        await decline_quietly(house, recording_id)
    else:
        await switch_quietly(house, enabled=False)
        if "on" in against.split():
            await switch_quietly(house, enabled=True)
    decision = await release(house, recording_id)
    assert (decision.verdict, decision.grounds[0].code) == ("refuse", code)
    assert (await house.state(recording_id), (await grounds(house, recording_id))[0]) == (State.REFUSED, code)
    assert await nothing_left(house, recording_id)
    assert await results(house, recording_id, "recording.refused") == [code]
    assert await results(house, recording_id, "recording.available") == []
    await house.sweep()
    assert house.audio_objects() == []


@pytest.mark.parametrize("verb", [release, refuse], ids=["release", "refusal"])
@pytest.mark.parametrize(
    "state", ["received", "stored", "available", "refused", "erased", "unknown", "foreign"]
)
async def test_only_what_waits_is_let_out_or_refused(house: House, state: str, verb):
    """Everything else is told so, and stays as it is; another account's recording is not there at all."""
    await set_policy(house)
    recording_id = "rec_0"
    if state == "available":
        recording_id = await let_in(house)
    elif state in {"received", "stored"}:
        recording_id = await announced(house)
        if state == "stored":
            house.step_by_step()
            await house.vault.jobs.ingest()
    elif state != "unknown":
        recording_id = await kept_apart(house)
    if state == "refused":
        await tell(house, "declined")
    elif state == "erased":
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
        await house.settle(recording_id)
    elif state == "foreign":
        other, _ = await house.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
        house.account, mine = other, house.account
    with pytest.raises(NotFound if state in {"unknown", "foreign"} else Refused) as caught:
        await verb(house, recording_id)
    if state == "foreign":
        house.account = mine
        assert await house.state(recording_id) is State.QUARANTINED
    elif state != "unknown":
        assert caught.value.reasons == ("not_quarantined",)
        assert str(await house.state(recording_id)) == state


async def test_an_admin_refuses_for_good(house: House):
    """The keys are gone when the verb returns, the reason stays, and no word revives it."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    other = await kept_apart(house, "other")
    await refuse(house, recording_id)
    row = await house.row(recording_id)
    assert [(reason.code, reason.text) for reason in row.reasons] == [
        ("refused_by_admin", "An admin refused it.")
    ]
    assert await nothing_left(house, recording_id)
    assert await results(house, recording_id, "recording.refused") == ["refused_by_admin"]
    await tell(house, "announced")
    assert [await house.state(one) for one in (recording_id, other)] == [State.REFUSED, State.AVAILABLE]
    await house.sweep()
    assert len(house.audio_objects()) == 1
    assert (await house.announce()).status == "refused"


@pytest.mark.parametrize("days", [1, 30, 365])
async def test_a_quarantine_is_as_long_as_the_policy_said_when_it_began(house: House, days: int):
    """A later policy changes nothing of it; neither does a word that is not enough."""
    await set_policy(house, quarantine_days=days)
    before = ago(0)
    recording_id = await kept_apart(house)
    until = (await house.row(recording_id)).quarantined_until
    assert before + timedelta(days=days) <= until <= ago(0) + timedelta(days=days)
    await set_policy(house, quarantine_days=2)
    await tell(house, "announced", party="agent")
    assert (await house.row(recording_id)).quarantined_until == until


async def test_a_quarantine_that_is_over_ends_in_refusal(house: House):
    """Only what is due goes, once, with its keys and its evidence; what was let in in time stays."""
    await set_policy(house)
    due = await kept_apart(house)
    waits = await kept_apart(house, "waits", call_ref="call-2")
    there = await kept_apart(house, "there", call_ref="call-3")
    await release(house, there)
    await house.vault.recordings.quarantine.expire()
    assert await house.state(due) is State.QUARANTINED
    for recording_id in (due, there):
        await house.set(recording_id, quarantined_until=LONG_AGO)
    for _ in range(2):
        await house.vault.recordings.quarantine.expire()
    states = [await house.state(one) for one in (due, waits, there)]
    assert states == [State.REFUSED, State.QUARANTINED, State.AVAILABLE]
    assert await grounds(house, due) == ["quarantine_expired"]
    assert await nothing_left(house, due)
    assert await results(house, due, "recording.refused") == ["quarantine_expired"]
    with pytest.raises(Refused):
        await release(house, due)
    await house.sweep()
    assert len(house.audio_objects()) == 2


async def test_a_word_that_comes_during_a_release_is_not_overlooked(house: House):
    """The release has read the call when its party declines: it begins again, and finds nothing to release."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    database = Interrupted(house.database, lambda: tell(house, "declined"))
    verb = replace(house.vault.recordings.quarantine, database=database).release
    with pytest.raises(Refused) as caught:
        await verb(house.account.id, recording_id, reason="a reason", **ME)
    assert caught.value.reasons == ("not_quarantined",)
    assert (await house.state(recording_id), await grounds(house, recording_id)) == (
        State.REFUSED,
        ["declined"],
    )


@pytest.mark.parametrize("word", ["consent", "facts"])
async def test_a_word_that_changes_nothing_does_not_stop_a_release(house: House, word: str):
    """It begins again with what was said, and both words are in the evidence."""
    await set_policy(house, mode="opt_in_key")
    recording_id = await kept_apart(house)
    words = {
        "consent": lambda: tell(house, "announced"),
        "facts": lambda: house.vault.recordings.calls.start(
            house.account.id, CallFacts(call_ref="call-1", ended_at=ago(0))
        ),
    }
    verb = replace(
        house.vault.recordings.quarantine, database=Interrupted(house.database, words[word])
    ).release
    await verb(house.account.id, recording_id, reason="a reason", **ME)
    assert await house.state(recording_id) is State.AVAILABLE
    assert await kinds(house, recording_id) == ["gate", word, "release", "gate"]


async def test_a_number_that_is_told_during_a_release_is_not_overlooked(house: House):
    """The release has read the call when its caller becomes known: a number that must not be recorded."""
    await set_policy(house)
    await house.vault.consent.objections.enter(house.account.id, "+14155550199", reason=None, **ME)
    recording_id = await kept_apart(house)
    facts = CallFacts(call_ref="call-1", caller="+14155550199")
    database = Interrupted(
        house.database, lambda: house.vault.recordings.calls.start(house.account.id, facts)
    )
    verb = replace(house.vault.recordings.quarantine, database=database).release
    decision = await verb(house.account.id, recording_id, reason="a reason", **ME)
    assert (decision.verdict, decision.grounds[0].code) == ("refuse", "objection")
    assert await house.state(recording_id) is State.REFUSED


async def test_a_refusal_comes_too_late_for_what_was_released(house: House):
    """The admin who refuses has read the recording when another one lets it out."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    database = Interrupted(house.database, lambda: release(house, recording_id))
    verb = replace(house.vault.recordings.quarantine, database=database).refuse
    with pytest.raises(Refused) as caught:
        await verb(house.account.id, recording_id, reason="nobody asked", **ME)
    assert caught.value.reasons == ("not_quarantined",)
    assert await house.state(recording_id) is State.AVAILABLE
    assert await results(house, recording_id, "recording.refused") == []


async def test_two_releases_at_once_are_one(house: House):
    """The other is told that nothing waits any more."""
    await set_policy(house)
    recording_id = await kept_apart(house)
    both = await asyncio.gather(
        release(house, recording_id), release(house, recording_id), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in both) == ["Decision", "Refused"]
    assert await kinds(house, recording_id) == ["gate", "release", "gate"]
