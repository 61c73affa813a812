"""Documents of all platforms: a key that refuses is a no whatever came before, and evidence is of what was played."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from tests.support.parties import ME, ago, set_policy
from tests.support.service_house import House
from tests.support.steered_line import SteeredLine, answered, connected, goes_on, publish, retire_all
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import Keys
from vault.errors import Refused
from vault.simulator.instructions import Wait
from vault.simulator.registry import STEERED

Change = Callable[[SteeredLine], Awaitable[object]]


async def nothing(line: SteeredLine) -> None:
    """Change nothing."""


async def ask_nothing(line: SteeredLine) -> None:
    """Set a policy that asks nothing."""
    await set_policy(line.house, mode="none", missing_evidence="accept", reason="a test")


async def ask_for_other_keys(line: SteeredLine) -> None:
    """Set a policy whose keys are others than those that the party was told."""
    await set_policy(line.house, mode="opt_out_key", keys=Keys(accept="9", decline="8"))


async def switch_off(line: SteeredLine) -> None:
    """Switch recording off and on again."""
    switch = line.house.vault.accounts.switch
    for enabled in (False, True):
        await switch.set(line.house.account.id, enabled=enabled, reason=None, **ME)


async def end_first_leg(line: SteeredLine) -> None:
    """Report that the call ended minutes ago: its first leg did, after a transfer."""
    facts = CallFacts(call_ref=line.call.ref, started_at=ago(600), ended_at=ago(300))
    await line.house.vault.recordings.calls.start(line.house.account.id, facts)


async def say_the_future(line: SteeredLine) -> None:
    """Report that the call begins in an hour, by a clock that is off."""
    facts = CallFacts(call_ref=line.call.ref, started_at=ago(-3600))
    await line.house.vault.recordings.calls.start(line.house.account.id, facts)


async def tell_all_facts(line: SteeredLine) -> None:
    """Report as many facts as a call may have."""
    for number in range(210):
        facts = CallFacts(call_ref=line.call.ref, started_at=ago(600) + timedelta(microseconds=number))
        try:
            await line.house.vault.recordings.calls.start(line.house.account.id, facts)
        except Refused:
            break


CHANGES: dict[str, Change] = {
    "nothing": nothing,
    "notice retired": retire_all,
    "policy asks nothing": ask_nothing,
    "other keys": ask_for_other_keys,
    "switched off and on": switch_off,
    "first leg ended": end_first_leg,
    "start in the future": say_the_future,
    "too many facts": tell_all_facts,
}


#: Every change on one platform, and on the others those that the document for a key press may depend on.
CASES = [
    (name, change)
    for name in sorted(STEERED)
    for change in CHANGES
    if name == "twilio" or change in {"notice retired", "first leg ended"}
]


@pytest.mark.parametrize(("name", "change"), CASES)
async def test_a_key_that_refuses_is_a_no_whatever_came_in_between(house: House, name: str, change: str):
    """It is stored with the notice that was played, and the call goes on without a recording."""
    line = await connected(house, name)
    played = await publish(house)
    await line.ask("call")
    await CHANGES[change](line)
    assert goes_on(await line.ask("key", "9"))
    said = await answered(line)
    assert {event.answer for event in said} == {"declined"}
    assert {event.notice.id for event in said if event.notice} == {played.id}
    await set_policy(house, missing_evidence="accept", reason="a test")
    decided = (await house.vault.recordings.calls.read(house.account.id, line.call.ref)).decision
    assert (decided.verdict, decided.grounds[0].code) == ("refuse", "declined")


async def test_a_no_is_stored_where_nobody_knows_how_the_call_continues(either: House):
    """The connection lost its next_url in the middle of the call: the platform gets an error, and the no counts."""
    line = await connected(either, "twilio")
    await publish(either)
    await line.ask("call")
    await line.connect(next_url=None)
    with pytest.raises(Refused) as caught:
        await line.ask("key", "9")
    assert caught.value.reasons == ("no_next_url",)
    assert [event.answer for event in await answered(line)] == ["declined"]


@pytest.mark.parametrize("name", sorted(STEERED))
@pytest.mark.parametrize(("stage", "key", "answer"), [("heard", None, "announced"), ("key", "1", "accepted")])
async def test_the_evidence_names_the_notice_that_was_played(house: House, name: str, stage, key, answer):
    """Another version was published in the middle of the call: nobody has heard that one."""
    line = await connected(house, name)
    played = await publish(house)
    await line.ask("call")
    await publish(house, "to sell your voice to others")
    # Vonage requests the document for a key whether one was pressed or not.
    await line.ask("key" if name == "vonage" else stage, key)
    said = await answered(line)
    assert {event.answer for event in said} == {answer}
    assert {(event.notice.id, event.notice.text_sha256) for event in said if event.notice} == {
        (played.id, played.text_sha256)
    }


def forged(address: str, other: str) -> list[str]:
    """Return addresses that the vault did not hand out for this call."""
    head, _, named = address.partition("?notice=")
    notice_id, keys, tag = named.split(".")
    swapped = other.partition("?notice=")[2]
    return [
        head,
        f"{head}?notice=",
        f"{head}?notice={notice_id}",
        f"{head}?notice={notice_id}.{keys}.{'0' * len(tag)}",
        f"{head}?notice={notice_id}.{keys[::-1]}.{tag}",
        f"{head}?notice={swapped}",
        f"{head}?notice={notice_id}.{keys}.\u00e9",
    ]


@pytest.mark.parametrize("number", range(7))
async def test_a_forged_notice_permits_nothing_and_refuses_all_the_same(either: House, number: int):
    """What permits needs the notice that was handed out for this call; a no needs none."""
    line = await connected(either, "telnyx")
    await publish(either)
    first = line.call
    line.call = line.new_call()
    await line.ask("call")
    other = dict(line.addresses)
    line.call = first
    await line.ask("call")
    key = forged(line.addresses["key"], other["key"])[number]
    heard = forged(line.addresses["heard"], other["heard"])[number]
    await line.ask("heard", url=heard)
    await line.ask("key", "1", url=key)
    assert await answered(line) == []
    assert goes_on(await line.ask("key", "9", url=key))
    assert {(event.answer, event.notice) for event in await answered(line)} == {("declined", None)}


@pytest.mark.parametrize("name", sorted(STEERED))
@pytest.mark.parametrize("wanted", ["announce", "opt_out_key"])
@pytest.mark.parametrize("said", ["opt_out_key", "opt_in_key"])
async def test_a_notice_that_speaks_of_a_key_is_followed_by_the_question(
    house: House, name: str, wanted, said
):
    """The policy asks for less than the only notice says. Wrong: "press 9", and nobody collects the 9."""
    line = await connected(house, name)
    await set_policy(house, mode=wanted, keys=Keys())
    await publish(house, mode=said)
    assert any(isinstance(step, Wait) for step in await line.ask("call"))
    # After silence Vonage asks for the document of the key, without one.
    after_silence = await line.ask("heard" if "heard" in line.addresses else "key")
    if said == "opt_in_key":
        # Who was told that a key allows it has not agreed by silence.
        assert goes_on(after_silence)
