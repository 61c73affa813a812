"""A policy on card data reaches the recordings that were there before: counted, paused, killed, and under a hold."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.services.recordings.test_card_data import proposals, service
from tests.services.recordings.test_card_numbers_removed import SHORT, is_clean, said
from tests.support import corpus
from tests.support.parties import ME, set_policy
from tests.support.retention import place
from tests.support.service_house import WITHOUT_EVIDENCE, House
from vault.domain.recordings.back_fill import BackFill
from vault.domain.recordings.card_data import Policy
from vault.domain.recordings.recording import State
from vault.errors import NotFound, Refused
from vault.services.audit_log.access_log import EventFilter
from vault.services.recordings.run_back_fills import MAX_TRIES

BODY, OTHER = corpus.wav(SHORT), corpus.wav(SHORT[: 2 * 8000])
NOTHING = {"proposed": 0, "removed": 0, "held": 0, "unremoved": 0, "unreadable": 0}


async def earlier(house: House, *bodies: bytes, name: str = "old") -> list[str]:
    """Return available recordings that arrived before any policy on card data."""
    await house.vault.consent.policy.set(house.account.id, WITHOUT_EVIDENCE, if_version=None, **ME)
    found = []
    for number, body in enumerate(bodies):
        receipt = await house.announce(f"{name}-{number}", body=body)
        assert await house.settle(receipt.recording_id) is State.AVAILABLE
        found.append(receipt.recording_id)
    return found


async def begin(house: House, policy: Policy = "redact") -> BackFill:
    """Set the policy, and begin to carry it out."""
    await service(house).set_policy(house.account.id, policy, actor="key_officer")
    return await house.vault.recordings.recordings.back_fills.begin(house.account.id, expected=policy, **ME)


async def run(house: House, steps: int = 99) -> BackFill:
    """Let the worker do some steps; return what the back-fill says."""
    for _ in range(steps):
        if not await house.vault.jobs.run_back_fills():
            break
    found = await house.vault.recordings.recordings.back_fills.read(house.account.id)
    assert found is not None
    return found


def counts(one: BackFill) -> dict[str, int]:
    """Return what became of the recordings."""
    return {name: getattr(one, name) for name in NOTHING}


async def acts(house: House) -> Sequence[tuple[str, str | None]]:
    """Return who did what with back-fills, by the log."""
    await house.vault.jobs.log_publisher.sequence()
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    return [
        (one.event.actor, one.event.result)
        for one, _ in page.items
        if one.event.type == "card_data.back_fill"
    ]


async def test_card_numbers_are_removed_from_what_was_there(either: House):
    """Only what has one is changed, with the statement of a recording that arrives under the policy."""
    card, other = await earlier(either, BODY, OTHER)
    preview = await either.vault.recordings.recordings.back_fills.preview(either.account.id)
    assert (preview.keyed_digits, preview.size.recordings) == ("off", 2)
    begun = await begin(either)
    assert (begun.recordings, round(begun.seconds)) == (2, 11)
    done = await run(either)
    assert (done.state, done.searched, round(done.searched_seconds)) == ("done", 2, 11)
    assert counts(done) == NOTHING | {"removed": 1}
    assert is_clean(await either.heard(card))
    assert await either.heard(other) == OTHER
    named = [location for one in (card, other) for location in (await either.row(one)).locations]
    assert either.audio_objects() == sorted(named)
    assert await acts(either) == [(ME["actor"], "begun"), ("worker", "done")]
    entries = await said(either, card)
    assert [entry["kind"] for entry in entries] == ["gate", "redaction"]
    receipt = await either.announce("new", body=BODY)
    assert await either.settle(receipt.recording_id) is State.AVAILABLE
    (arrived, *_) = await said(either, receipt.recording_id)
    assert [*entries[1]] == [*arrived]
    assert [entries[1][name] for name in ("by", "reason", "policy")] == [
        arrived[name] for name in ("by", "reason", "policy")
    ]


async def test_where_it_proposes_nothing_is_changed(house: House):
    """Each sequence once, also when it is searched again."""
    (card,) = await earlier(house, BODY)
    await begin(house, "propose")
    assert counts(await run(house)) == NOTHING | {"proposed": 1}
    assert await house.heard(card) == BODY
    (found,) = await proposals(house)
    assert (found.digits.kind, found.unremoved) == ("card_number", None)
    await begin(house, "propose")
    again = await run(house)
    assert (again.searched, counts(again)) == (1, NOTHING)
    assert await proposals(house) == [found]
    await begin(house)
    assert counts(await run(house)) == NOTHING | {"removed": 1}
    assert await proposals(house) == []


async def test_what_arrives_under_the_policy_is_not_searched(house: House):
    """That was done when it arrived."""
    await earlier(house, OTHER)
    await service(house).set_policy(house.account.id, "propose", **ME)
    await earlier(house, OTHER, name="new")
    await house.vault.recordings.recordings.back_fills.begin(house.account.id, expected="propose", **ME)
    assert (await run(house)).searched == 1


async def test_a_hold_keeps_the_audio_and_is_named(either: House):
    """Nothing is removed: it is counted, and its proposal says why."""
    (card,) = await earlier(either, BODY)
    await place(either, everything=True)
    objects = either.audio_objects()
    await begin(either)
    assert counts(await run(either)) == NOTHING | {"proposed": 1, "held": 1}
    assert await either.heard(card) == BODY
    assert either.audio_objects() == objects
    (found,) = await proposals(either)
    assert (found.recording_id, found.unremoved) == (card, "held")


async def test_what_waits_in_quarantine_is_proposed(house: House):
    """It may be released: nothing is removed before, and its proposal says so."""
    await set_policy(house)
    receipt = await house.announce(body=BODY)
    await house.settle(receipt.recording_id, rounds=3)
    assert await house.state(receipt.recording_id) is State.QUARANTINED
    await begin(house)
    assert counts(await run(house)) == NOTHING | {"proposed": 1, "unremoved": 1}
    (found,) = await proposals(house)
    assert (found.unremoved, found.in_quarantine) == ("quarantined", True)


async def test_what_is_not_proved_stays_with_its_reason(house: House, monkeypatch: pytest.MonkeyPatch):
    """A decoder that hears other samples changes nothing."""
    (card,) = await earlier(house, BODY)
    real = house.describer.measure

    async def wrong(*args, **named):
        return replace(await real(*args, **named), loudest=9)

    monkeypatch.setattr(house.describer, "measure", wrong)
    await begin(house)
    assert counts(await run(house)) == NOTHING | {"proposed": 1, "unremoved": 1}
    assert await house.heard(card) == BODY
    (found,) = await proposals(house)
    assert found.unremoved == "not_proved"


async def test_pause_continue_and_stop(house: House):
    """Each is logged with who asked; what is over does not go on, and another one begins at the first recording."""
    await earlier(house, OTHER, OTHER, OTHER)
    fills, account_id = house.vault.recordings.recordings.back_fills, house.account.id
    with pytest.raises(NotFound):
        await fills.change(account_id, "paused", **ME)
    await begin(house, "propose")
    assert (await run(house, 1)).searched == 1
    assert (await fills.change(account_id, "paused", **ME)).state == "paused"
    assert (await run(house)).searched == 1
    with pytest.raises(Refused) as refused:
        await fills.begin(account_id, expected="propose", **ME)
    assert refused.value.reasons == ("back_fill_not_over",)
    await fills.change(account_id, "paused", **ME)
    await fills.change(account_id, "running", **ME)
    assert (await run(house, 1)).searched == 2
    stopped = await fills.change(account_id, "stopped", **ME)
    assert (stopped.state, stopped.cause) == ("stopped", "asked")
    assert (await run(house)).searched == 2
    with pytest.raises(Refused) as refused:
        await fills.change(account_id, "running", **ME)
    assert refused.value.reasons == ("stopped",)
    await fills.begin(account_id, expected="propose", **ME)
    assert ((await run(house)).state, (await run(house)).searched) == ("done", 3)
    results = [result for _, result in await acts(house)]
    assert results == ["begun", "paused", "continued", "stopped", "begun", "done"]


async def test_a_pause_holds_for_what_is_being_removed(house: House, monkeypatch: pytest.MonkeyPatch):
    """The answer says that nothing is changed any more: also of the recording whose new audio is made already."""
    (card,) = await earlier(house, BODY)
    fills = house.vault.recordings.recordings.back_fills
    await begin(house)
    real, objects = house.describer.measure, house.audio_objects()

    async def pause(*args, **named):
        await fills.change(house.account.id, "paused", **ME)
        return await real(*args, **named)

    monkeypatch.setattr(house.describer, "measure", pause)
    assert (await run(house)).searched == 0
    assert await house.heard(card) == BODY
    assert house.audio_objects() == objects
    assert await proposals(house) == []
    monkeypatch.undo()
    await fills.change(house.account.id, "running", **ME)
    assert counts(await run(house)) == NOTHING | {"removed": 1}


async def test_another_policy_stops_it(house: House):
    """Nobody asked to carry that one out. Without one none begins, nor another one than was seen."""
    (card,) = await earlier(house, BODY)
    fills, account_id = house.vault.recordings.recordings.back_fills, house.account.id
    with pytest.raises(Refused) as refused:
        await fills.begin(account_id, expected="redact", **ME)
    assert refused.value.reasons == ("policy_off",)
    await begin(house)
    await service(house).set_policy(account_id, "propose", **ME)
    stopped = await run(house)
    assert (stopped.state, stopped.cause, stopped.searched) == ("stopped", "policy_changed", 0)
    assert await house.heard(card) == BODY
    with pytest.raises(Refused) as refused:
        await fills.begin(account_id, expected="redact", **ME)
    assert refused.value.reasons == ("changed",)


async def test_what_cannot_be_read_is_counted(house: House):
    """A damaged object at once; one that is missing after some tries, and the others are searched."""
    damaged, missing, _ = await earlier(house, BODY, BODY, OTHER)
    audio = (await house.row(damaged)).audio
    assert audio is not None
    stored = house.objects.objects[audio.location]
    house.objects.objects[audio.location] = replace(stored, body=stored.body[:-1] + b"\0")
    gone = (await house.row(missing)).audio
    assert gone is not None
    del house.objects.objects[gone.location]
    await begin(house)
    for _ in range(MAX_TRIES + 3):
        await run(house, 1)
        await house.database.write(
            lambda tx: tx.connection.exec_driver_sql(
                "UPDATE card_data_back_fills SET not_before = 0 WHERE not_before IS NOT NULL"
            )
        )
    done = await run(house)
    assert (done.state, done.searched, counts(done)) == ("done", 3, NOTHING | {"unreadable": 2})


async def test_what_is_erased_meanwhile_is_no_trouble(house: House):
    """Nothing of it is proposed."""
    (card,) = await earlier(house, BODY)
    await begin(house, "propose")
    real = house.vault.jobs.run_back_fills.describe.describer.describe

    async def erase(*args, **named):
        found = await real(*args, **named)
        await house.vault.recordings.recordings.erase(house.account.id, card, **ME)
        return found

    house.describer.describe = erase
    done = await run(house)
    assert (done.state, done.searched, counts(done)) == ("done", 1, NOTHING)
    assert (
        await house.database.read(
            lambda tx: tx.card_data.page(house.account.id, recording_id=card, after=None, limit=9)
        )
        == []
    )
