"""A key that objects: the number is not recorded again, whatever the platform reports it as, and whenever."""

from dataclasses import dataclass, fields
from typing import NoReturn

import pytest

from tests.support.parties import ME, set_policy, tell
from tests.support.service_house import House
from tests.support.steered_line import SteeredLine, answered, connected, goes_on, publish, retire_all
from vault.domain.calls.call import CallFacts, Direction
from vault.domain.consent.consent_event import Keys
from vault.errors import Refused, Unavailable
from vault.services.consent import record_consent
from vault.services.consent.enter_objection import ObjectionList
from vault.simulator.call import SimulatedCall


async def test_a_key_that_objects_does_so_without_a_notice(either: House):
    """The number is objected to, by the key that the party was told."""
    line = await connected(either, "twilio")
    await set_policy(either, mode="opt_out_key", keys=Keys(object="#"))
    await publish(either)
    await line.ask("call")
    await retire_all(line)
    await set_policy(either, mode="none", missing_evidence="accept", reason="a test")
    assert goes_on(await line.ask("key", "#"))
    assert len(await either.vault.consent.objections.list(either.account.id, after=None, limit=9)) == 1


async def test_noes_that_were_reported_before_do_not_silence_a_key_that_objects(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """A call has a maximum of noes, and somebody has reported that many of this party."""
    monkeypatch.setattr(record_consent, "MAX_EVENTS", 3)
    line = await connected(either, "twilio")
    await set_policy(either, mode="opt_out_key", keys=Keys(object="#"))
    await publish(either)
    await line.ask("call")
    for _ in range(3):
        await tell(either, "declined", call=line.call.ref)
    with pytest.raises(Refused):
        await tell(either, "declined", call=line.call.ref)
    assert goes_on(await line.ask("key", "#"))
    assert len(await either.vault.consent.objections.list(either.account.id, after=None, limit=9)) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCall(SimulatedCall):
    """A call of which the platform says who calls in its own words."""

    words: str

    @property
    def caller(self) -> str:
        """Return what the platform reports."""
        return self.words


def report(line: SteeredLine, words: str) -> None:
    """Let the line have a new call from ``words``."""
    call = line.new_call()
    line.addresses.clear()
    known = {field.name: getattr(call, field.name) for field in fields(call)}
    line.call = ReportedCall(**known, words=words)


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ("(512) 555-0144", "+15125550144"),
        ("5125550145", "512 555 0145"),
        ("+15125550155,+15125550166", "+15125550166"),
        ("+15125550167 / +15125550168", "+15125550167"),
        ("+5215512345678", "+525512345678"),
        ("+99912345678", "+999 12345678"),
        ("Bob <+15125550169>", "+15125550169"),
        ("+15125550111234", "+15125550111234"),
    ],
)
async def test_a_key_that_objects_counts_however_the_caller_is_reported(
    either: House, words: str, again: str
):
    """Their next call is not recorded, in the same words or in others. It can be ended by the words that are listed."""
    line, account_id = await connected(either, "twilio"), either.account.id
    await set_policy(either, mode="opt_out_key", keys=Keys(object="#"))
    await publish(either)
    report(line, words)
    await line.ask("call")
    assert goes_on(await line.ask("key", "#"))
    for next_words in (words, again):
        report(line, next_words)
        assert goes_on(await line.ask("call")), next_words
    while entered := await either.vault.consent.objections.list(account_id, after=None, limit=9):
        assert entered[0].number is not None
        await either.vault.consent.objections.end(account_id, entered[0].number, **ME)
    report(line, words)
    assert not goes_on(await line.ask("call"))


@pytest.mark.parametrize("words", ["anonymous", "Unknown 123"])
async def test_a_key_that_objects_without_a_number_is_a_no_of_its_call_alone(either: House, words: str):
    """Wrong: an objection of everybody who calls without a number."""
    line = await connected(either, "twilio")
    await set_policy(either, mode="opt_out_key", keys=Keys(object="#"))
    await publish(either)
    report(line, words)
    await line.ask("call")
    assert goes_on(await line.ask("key", "#"))
    assert [event.answer for event in await answered(line)] == ["declined"]
    assert not await either.vault.consent.objections.list(either.account.id, after=None, limit=9)


#: Platforms whose request for a document says no direction.
SILENT = ("telnyx", "vonage")


async def pressed(house: House, name: str, *, address: str = "") -> SteeredLine:
    """Return a line whose party has pressed the key that objects."""
    line = await connected(house, name)
    await set_policy(house, mode="opt_out_key", keys=Keys(object="8"))
    await publish(house)
    await line.ask("call", url=f"{line.webhook}/call{address}")
    assert goes_on(await line.ask("key", "8"))
    return line


async def objected(house: House) -> list[str | None]:
    """Return the numbers that object."""
    entered = await house.vault.consent.objections.list(house.account.id, after=None, limit=9)
    return [one.number for one in entered]


async def waits(line: SteeredLine) -> bool:
    """Say whether the decision on the line's call names an objection that waits."""
    read = await line.house.vault.recordings.calls.read(line.house.account.id, line.call.ref)
    return "objection_waits" in {one.code for one in read.decision.reasons}


async def report_direction(line: SteeredLine, direction: Direction) -> None:
    """Report the direction of the line's call."""
    facts = CallFacts(call_ref=line.call.ref, direction=direction)
    await line.house.vault.recordings.calls.start(line.house.account.id, facts)


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
async def test_an_objection_waits_for_the_direction(either: House, name: str, direction: Direction):
    """One of the two numbers is the account's own. Wrong: the key press is forgotten, or both numbers object."""
    line = await pressed(either, name)
    assert (await objected(either), await waits(line)) == ([], True)
    await report_direction(line, direction)
    number = line.call.caller if direction == "inbound" else line.call.callee
    assert (await objected(either), await waits(line)) == ([number], False)


async def test_an_objection_waits_for_a_recording_that_tells_the_direction(either: House):
    """Its announcement does; a second one changes nothing."""
    line = await pressed(either, "vonage")
    for ref in ("a", "b"):
        await either.announce(ref, call_ref=line.call.ref, direction="inbound")
        assert await objected(either) == [line.call.caller]


@pytest.mark.parametrize("name", SILENT)
async def test_the_address_tells_the_direction_where_the_platform_does_not(either: House, name: str):
    """Nothing waits."""
    line = await pressed(either, name, address="?direction=outbound")
    assert (await objected(either), await waits(line)) == ([line.call.callee], False)


async def test_the_platform_itself_counts_above_the_address_and_other_reports(either: House):
    """Twilio reports an inbound call; somebody else, and the address, say that it is outbound."""
    line = await connected(either, "twilio")
    await set_policy(either, mode="opt_out_key", keys=Keys(object="8"))
    await publish(either)
    await report_direction(line, "outbound")
    await line.ask("call", url=f"{line.webhook}/call?direction=outbound")
    assert goes_on(await line.ask("key", "8"))
    assert await objected(either) == [line.call.caller]


async def test_an_objection_that_was_ended_comes_back_by_another_key_press_alone(either: House):
    """Wrong: whatever is reported of the call enters it again."""
    line = await pressed(either, "telnyx")
    await report_direction(line, "inbound")
    await either.vault.consent.objections.end(either.account.id, line.call.caller, **ME)
    await either.vault.recordings.calls.start(
        either.account.id, CallFacts(call_ref=line.call.ref, direction="inbound", agent="jane")
    )
    assert await objected(either) == []
    assert goes_on(await line.ask("key", "8"))
    assert await objected(either) == [line.call.caller]


AGENT = {"caller": "+15125550100", "callee": "+13125550177"}


async def report_leg(line: SteeredLine, direction: Direction, **numbers: str) -> None:
    """Report a leg of the line's call, as an event of the platform does."""
    facts = CallFacts(call_ref=line.call.ref, direction=direction, **numbers)
    await line.house.vault.recordings.calls.start(line.house.account.id, facts)


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("before", [True, False], ids=["before the key", "after the key"])
async def test_the_leg_to_an_agent_tells_nothing_of_who_objects(either: House, name: str, before: bool):
    """It is outbound in a call that came in. Wrong: the account's own number objects, and nobody is recorded on it."""
    line = await connected(either, name)
    await set_policy(either, mode="opt_out_key", keys=Keys(object="8"))
    await publish(either)
    await line.ask("call")
    if before:
        await report_leg(line, "outbound", **AGENT)
    assert goes_on(await line.ask("key", "8"))
    if not before:
        await report_leg(line, "outbound", **AGENT)
    assert (await objected(either), await waits(line)) == ([], True)
    both = {"caller": line.call.caller.removeprefix("+"), "callee": line.call.callee}
    await report_leg(line, "inbound", **both)
    assert (await objected(either), await waits(line)) == ([line.call.caller], False)


async def test_all_legs_may_be_known_before_the_key(either: House):
    """The one with the numbers of the key press counts."""
    line = await connected(either, "vonage")
    await set_policy(either, mode="opt_out_key", keys=Keys(object="8"))
    await publish(either)
    await line.ask("call")
    await report_leg(line, "outbound", **AGENT)
    await report_leg(line, "inbound", caller=line.call.caller, callee=line.call.callee)
    assert goes_on(await line.ask("key", "8"))
    assert (await objected(either), await waits(line)) == ([line.call.caller], False)


async def test_reports_that_contradict_each_other_enter_nothing(either: House):
    """The decision names it, and a person enters the number."""
    line = await pressed(either, "telnyx")
    both = {"caller": line.call.caller, "callee": line.call.callee}
    for direction in ("inbound", "outbound"):
        facts = CallFacts(call_ref=line.call.ref, direction=direction, agent=direction, **both)
        await either.vault.recordings.calls.start(either.account.id, facts)
        if direction == "inbound":
            assert await objected(either) == [line.call.caller]
            await either.vault.consent.objections.end(either.account.id, line.call.caller, **ME)
    assert (await objected(either), await waits(line)) == ([], True)


async def press_in_vain(house: House, monkeypatch: pytest.MonkeyPatch) -> SteeredLine:
    """Press the key that objects on a line whose objection cannot be entered."""

    async def fail(*_: object, **__: object) -> NoReturn:
        raise Unavailable("It is gone.")

    line = await connected(house, "twilio")
    await set_policy(house, mode="opt_out_key", keys=Keys(object="8"))
    await publish(house)
    await line.ask("call")
    with monkeypatch.context() as broken:
        broken.setattr(ObjectionList, "enter_reported", fail)
        with pytest.raises(Unavailable):
            await line.ask("key", "8")
    assert [event.answer for event in await answered(line)] == ["declined"]
    assert await objected(house) == []
    return line


async def test_an_objection_that_could_not_be_entered_is_entered_by_the_next_report(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The no of the call is stored first. Wrong: its objection is lost, because no platform presses a key again."""
    line = await press_in_vain(either, monkeypatch)
    await report_direction(line, "inbound")
    assert await objected(either) == [line.call.caller]


async def test_two_numbers_of_a_party_enter_nothing(either: House, monkeypatch: pytest.MonkeyPatch):
    """Which of them pressed the key is not known any more."""
    line = await press_in_vain(either, monkeypatch)
    await report_leg(line, "inbound", caller="+15125550188", callee=line.call.callee)
    assert await objected(either) == []
