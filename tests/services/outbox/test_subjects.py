"""A message obeys what it is about: it is read again before it is sent, and its erasure takes the message with it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.services.outbox.probe import (
    SENDS,
    Hanging,
    Probe,
    attempts,
    destination,
    probe,
    probing,
    rows,
    until,
    with_outside,
)
from tests.support.outbox import let_time_come, put, send_due
from tests.support.retention import place
from tests.support.service_house import House
from vault.domain.outbox.attempt import Answer, Attempt
from vault.domain.outbox.message import SendingRules
from vault.domain.recordings.recording import State
from vault.errors import Refused
from vault.services.outbox import send_turn
from vault.services.outbox.kind import Permission

ME = {"actor": "key_test"}


async def available(house: House) -> str:
    """Return a recording that can be played."""
    recording_id = (await house.announce()).recording_id or ""
    assert await house.settle(recording_id) is State.AVAILABLE
    return recording_id


async def logged(house: House) -> list[str]:
    """Return the types of the events of messages."""
    await house.database.write(lambda tx: tx.tree.settle())
    return [one for one in await house.events() if one.startswith("message.")]


async def test_with_a_recording_goes_what_waits_about_it(either: House):
    """Message and attempts are gone with the commit of the erasure; another recording's stay."""
    house, _ = probing(either)
    recording_id = await available(house)
    house.outside.answer("https://a.example/", Answer(status=503))
    await put(house, probe(house, "of-it", recording_id=recording_id), probe(house, "of-none"))
    await send_due(house)
    assert {one.recording_id for one in await attempts(house)} == {recording_id, None}
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    assert [one.id for one in await rows(house)] == ["of-none"]
    assert {one.recording_id for one in await attempts(house)} == {None}
    before = len(house.outside.sent)
    await let_time_come(house)
    await send_due(house)
    assert {one.headers["webhook-id"] for one in house.outside.sent[before:]} == {"of-none"}


async def test_an_erasure_that_fails_takes_no_message(either: House):
    """Both are one transaction."""
    house, _ = probing(either)
    recording_id = await available(house)
    await put(house, probe(house, "of-it", recording_id=recording_id))
    await place(house, calls=["call-1"])
    with pytest.raises(Refused):
        await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)
    assert [one.id for one in await rows(house)] == ["of-it"]


async def restrict(house: House, recording_id: str) -> None:
    """Restrict the recording."""
    await house.vault.recordings.recordings.restrict(
        house.account.id, recording_id, restricted=True, reason=None, **ME
    )


async def hold(house: House, _recording_id: str) -> None:
    """Place a hold on the call."""
    await place(house, calls=["call-1"])


async def switch_off(house: House, _recording_id: str) -> None:
    """Switch the account off."""
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)


async def erase(house: House, recording_id: str) -> None:
    """Erase the recording: a message about it may come later, to say so."""
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, **ME)


@pytest.mark.parametrize("then", ["send", "drop", "wait"])
@pytest.mark.parametrize(
    ("rule", "act"),
    [("restricted", restrict), ("held", hold), ("switched_off", switch_off), ("erased", erase)],
    ids=["restricted", "held", "switched off", "erased"],
)
async def test_what_stands_against_it_is_read_when_it_is_sent(either: House, rule: str, act: Any, then: Any):
    """It waited before that happened; its kind says what that means, and the log has what was not sent."""
    house, _ = probing(either, Probe(sending_rules=replace(SENDS, **{rule: then})))
    recording_id = await available(house)
    await act(house, recording_id)
    await put(house, probe(house, "m", recording_id=recording_id))
    await send_due(house)
    assert len(house.outside.sent) == (then == "send")
    assert [(one.id, one.attempts, one.lease_token) for one in await rows(house)] == (
        [("m", 0, None)] if then == "wait" else []
    )
    assert await logged(house) == {
        "send": ["message.sent", "message.accepted"], "drop": ["message.superseded"], "wait": [],
    }[then]  # fmt: skip


async def test_the_strictest_rule_wins(either: House):
    """What waits for a restriction to end is deleted where a hold forbids it."""
    rules = SendingRules(switched_off="send", erased="drop", restricted="wait", held="drop")
    house, _ = probing(either, Probe(sending_rules=rules))
    recording_id = await available(house)
    await restrict(house, recording_id)
    await hold(house, recording_id)
    await put(house, probe(house, "m", recording_id=recording_id))
    await send_due(house)
    assert (await rows(house), house.outside.sent) == ([], [])


async def test_an_erasure_while_it_is_sent_is_told_to_its_kind(either: House):
    """The answer of the receiver changes nothing any more, and the kind takes back what may have arrived."""
    house, kind = probing(either)
    recording_id = await available(house)
    hanging = Hanging(house, "a")
    house = with_outside(house, hanging)
    await put(house, probe(house, "m", recording_id=recording_id))
    job = house.vault.jobs.send_outbox
    await job()
    await until(lambda: hanging.begun == ["m"])
    await erase(house, recording_id)
    hanging.let_go.set()
    await job.idle()
    assert (kind.taken_back, kind.noted, await rows(house), await attempts(house)) == (["m"], [], [], [])
    assert await logged(house) == ["message.sent"]


class Twice(Probe):
    """Sends each message by two requests; its permission is given again between them."""

    async def send(self, receiver: str, permission: Permission) -> Attempt:
        """Send it twice."""
        await Probe.send(self, receiver, permission)
        await permission.renew(lambda _tx, _standing: None)
        return await Probe.send(self, receiver, permission)


@pytest.mark.parametrize("is_erased", [False, True])
async def test_a_permission_is_not_given_again_after_an_erasure(either: House, *, is_erased: bool):
    """What was sent of the message stays so, and nothing follows."""
    house, _ = probing(either, Twice())
    recording_id = await available(house)
    hanging = Hanging(house, "a")
    house = with_outside(house, hanging)
    await put(house, probe(house, "m", recording_id=recording_id))
    job = house.vault.jobs.send_outbox
    await job()
    await until(lambda: hanging.begun == ["m"])
    if is_erased:
        await erase(house, recording_id)
    hanging.let_go.set()
    await job.idle()
    assert hanging.begun == (["m"] if is_erased else ["m", "m"])


async def test_a_process_that_slept_sends_nothing(either: House, monkeypatch: pytest.MonkeyPatch):
    """Since it was permitted the recording may have been erased: the permission is too old, and it asks again."""
    house, _ = probing(either)
    now = [1000.0]
    monkeypatch.setattr(send_turn, "VALID", 5.0)
    for module in ("send_outbox", "send_turn"):
        monkeypatch.setattr(f"vault.services.outbox.{module}.monotonic", lambda: now[0])

    class Sleeping(Probe):
        async def send(self, receiver, permission):
            now[0] += 6
            return await super().send(receiver, permission)

    house, _ = probing(either, Sleeping())
    await put(house, probe(house, "m"))
    await send_due(house)
    assert house.outside.sent == []
    assert [one.failure for one in await attempts(house)] == [
        "The vault could not send it in time. It tries again."
    ]
    house, _ = probing(either)
    await let_time_come(house)
    await send_due(house)
    assert len(house.outside.sent) == 1


async def test_a_restore_of_rows_has_no_message_of_an_erased_recording(either: House):
    """A message whose recording is not there at all is treated as one of an erased recording."""
    rules = replace(SENDS, erased="drop")
    house, _ = probing(either, Probe(sending_rules=rules))
    await put(house, probe(house, "m", recording_id="rec_unknown"))
    await send_due(house)
    assert (await rows(house), house.outside.sent) == ([], [])


async def test_another_account_s_recording_is_none(either: House):
    """A message of one account about a recording of another one is not sent."""
    house, _ = probing(either, Probe(sending_rules=replace(SENDS, erased="drop")))
    recording_id = await available(house)
    other, _ = await house.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    await put(house, probe(house, "m", account_id=other.id, recording_id=recording_id))
    await send_due(house)
    assert house.outside.sent == []


async def test_what_a_kind_cannot_do_now_is_no_failure_of_the_receiver(either: House):
    """The vault's own failure, and a fault of its code, are tried again; the destination stays healthy."""

    class Broken(Probe):
        async def send(self, receiver, permission):
            raise ZeroDivisionError if permission.message.id == "m1" else Refused("Not now.")

    house, _ = probing(either, Broken())
    await put(house, probe(house, "m1"), probe(house, "m2"))
    await send_due(house)
    assert [one.failure for one in await attempts(house)] == [
        "The vault could not send it. It tries again."
    ] * 2
    assert (await destination(house)).failures == 0
    assert len(await rows(house)) == 2
