"""A key means what the notice said of it: the policy's keys may have changed since its text was written."""

from typing import Any

import pytest
from sqlalchemy import update

from tests.support.approvals import change_row
from tests.support.notice_drafts import wish
from tests.support.parties import ME, set_policy
from tests.support.service_house import House
from tests.support.steered_line import answered, connected, goes_on, publish, with_platforms
from tests.support.tenant import tone
from vault.database.schema.consent import notices
from vault.domain.calls.call import CallFacts
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.audio import PromptRequest
from vault.errors import Invalid, Refused
from vault.simulator.instructions import Wait
from vault.simulator.registry import STEERED

#: What the account's keys are changed to after a text with 1 and 9 was published.
LATER = {
    "another refuses": Keys(decline="7"),
    "the one that refused accepts": Keys(accept="9", decline="1"),
    "the one that refused objects": Keys(decline="7", object="9"),
}


@pytest.mark.parametrize("name", sorted(STEERED))
@pytest.mark.parametrize("later", sorted(LATER))
async def test_the_key_of_the_text_refuses(house: House, name: str, later: str):
    """Wrong: "press 9", and the 9 is silence or a yes."""
    line = await connected(house, name)
    await publish(house)
    await set_policy(house, mode="opt_out_key", keys=LATER[later])
    await line.ask("call")
    assert goes_on(await line.ask("key", "9"))
    assert {event.answer for event in await answered(line)} == {"declined"}


@pytest.mark.parametrize("later", sorted(LATER))
async def test_a_key_refuses_by_any_text_where_nobody_knows_which_was_played(either: House, later: str):
    """The address of the key press does not prove it."""
    line = await connected(either, "telnyx")
    await publish(either)
    await set_policy(either, mode="opt_out_key", keys=LATER[later])
    await line.ask("call")
    assert goes_on(await line.ask("key", "9", url=f"{line.webhook}/key"))
    assert {event.answer for event in await answered(line)} == {"declined"}


async def test_the_key_of_the_text_accepts_and_no_other(either: House):
    """Silence may be recorded where a key refuses; a yes is the key that the party was told."""
    line = await connected(either, "twilio")
    await publish(either, mode="opt_in_key")
    await set_policy(either, mode="opt_in_key", keys=Keys(accept="5"))
    await line.ask("call")
    await line.ask("key", "5")
    assert not any(event.answer == "accepted" for event in await answered(line))
    await line.ask("key", "1")
    assert "accepted" in {event.answer for event in await answered(line)}


async def test_a_draft_for_other_keys_is_not_published(either: House):
    """Its text says those of before, also if it is saved again. A new text has those of now, and no audio of before."""
    house, account_id = with_platforms(either), either.account.id
    notices = house.vault.consent.notices
    draft = await notices.draft(account_id, wish(mode="opt_out_key", refusal=""), **ME)
    await notices.set_audio(account_id, draft.id, tone(1.0), PromptRequest(), **ME)
    await set_policy(house, mode="opt_out_key", keys=Keys(decline="7"))
    for text in ("", draft.text):
        again = wish(mode="opt_out_key", refusal=draft.refusal, text=text)
        await notices.change(account_id, draft.id, again, **ME)
        with pytest.raises(Refused) as caught:
            await notices.publish(account_id, draft.id, **ME)
        assert caught.value.reasons == ("other_keys",)
    saved = await notices.change(account_id, draft.id, wish(mode="opt_out_key", refusal=""), **ME)
    assert (saved.keys, saved.audio_sha256) == (Keys(decline="7"), None)
    assert "press 7" in saved.text
    published = await notices.publish(account_id, draft.id, **ME)
    assert published.keys == Keys(decline="7")


@pytest.mark.parametrize(
    ("mode", "words", "is_right"),
    [
        ("opt_out_key", "press 9.", True),
        ("opt_out_key", "press nine.", True),
        ("opt_out_key", "call 0800 123 or press 9.", True),
        ("opt_out_key", "press 8.", False),
        ("opt_out_key", "press * now.", False),
        ("opt_in_key", "press 9. If you agree, press 1.", True),
        ("opt_in_key", "press 9.", False),
        ("opt_in_key", "press 1. If you agree, press 2.", False),
        ("announce", "press 8.", False),
        ("announce", "press 9.", True),
        ("announce", "tell us.", True),
    ],
)
async def test_a_text_names_the_keys_of_the_account(house: House, mode, words: str, is_right: bool):
    """Words that name a key in letters are nobody's to compare."""
    text = f"Acme Limited records to check the quality of our service, acme.example/privacy. If not, {words}"
    asked = wish(mode=mode, refusal="If not", retention="", text=text)
    draft = await house.vault.consent.notices.draft(house.account.id, asked, **ME)
    if is_right:
        assert (
            await house.vault.consent.notices.publish(house.account.id, draft.id, **ME)
        ).status == "published"
        return
    with pytest.raises(Invalid) as caught:
        await house.vault.consent.notices.publish(house.account.id, draft.id, **ME)
    assert caught.value.field == "text"


@pytest.mark.parametrize("is_proven", [True, False], ids=["told", "untold"])
async def test_a_notice_without_keys_of_its_own_refuses_by_every_key_since(either: House, is_proven: bool):
    """An earlier release wrote it, or a restore brought it: nobody knows for which keys."""
    line = await connected(either, "twilio")
    await set_policy(either, mode="opt_out_key", keys=Keys(decline="6"))
    await publish(either, refusal="")
    await either.database.write(lambda tx: tx.connection.execute(update(notices).values(keys=None)))
    for later in ("7", "8"):
        await set_policy(either, mode="opt_out_key", keys=Keys(decline=later))
    for key in ("6", "7", "8"):
        line.call = line.new_call()
        await line.ask("call", url=f"{line.webhook}/call")
        url = None if is_proven else f"{line.webhook}/key"
        assert goes_on(await line.ask("key", key, url=url)), key
        assert {event.answer for event in await answered(line)} == {"declined"}, key


@pytest.mark.parametrize("name", sorted(STEERED))
async def test_a_key_that_an_announcement_names_is_collected(house: House, name: str):
    """Wrong: "press 9" in a notice that only announces, and nobody collects the 9."""
    line = await connected(house, name)
    await set_policy(house, mode="announce")
    await publish(house, mode="announce", refusal="press 9")
    asked = await line.ask("call")
    assert any(isinstance(step, Wait) for step in asked)
    assert goes_on(await line.ask("key", "9"))
    assert {event.answer for event in await answered(line)} == {"declined"}


async def test_audio_of_other_keys_is_not_set(either: House, monkeypatch: pytest.MonkeyPatch):
    """The draft was saved for other keys while its audio was made, and its words are the same."""
    house, account_id = with_platforms(either), either.account.id
    draft = await house.vault.consent.notices.draft(account_id, wish(mode="opt_out_key"), **ME)
    make = house.vault.consent.notices.prompt_maker.make

    async def slow(*given: Any) -> Any:
        await change_row(
            house, "UPDATE notices SET keys = :keys", keys='{"accept":"1","decline":"7","object":null}'
        )
        return await make(*given)

    monkeypatch.setattr(house.vault.consent.notices.prompt_maker, "make", slow)
    with pytest.raises(Refused) as caught:
        await house.vault.consent.notices.set_audio(account_id, draft.id, tone(1.0), PromptRequest(), **ME)
    assert caught.value.reasons == ("changed",)


async def test_a_text_without_a_question_may_be_published_under_other_keys(either: House):
    """It asks for no key, and a number among the words of another element is none."""
    asked = wish(refusal="tell us", retention="3 months")
    draft = await either.vault.consent.notices.draft(either.account.id, asked, **ME)
    await set_policy(either, mode="announce", keys=Keys(decline="7"))
    assert (
        await either.vault.consent.notices.publish(either.account.id, draft.id, **ME)
    ).status == "published"


@pytest.mark.parametrize("name", sorted(STEERED))
@pytest.mark.parametrize("key", ["#", "9"])
async def test_a_key_that_the_platform_does_not_report_is_not_asked_for(house: House, name: str, key: str):
    """SignalWire takes ``#`` as the end of the input. Wrong: "press # now", and the call is recorded."""
    line = await connected(house, name)
    await set_policy(house, mode="opt_out_key", keys=Keys(decline=key))
    await publish(house, refusal="")
    asked = await line.ask("call")
    assert goes_on(asked) == ((name, key) == ("signalwire", "#"))


@pytest.mark.parametrize("name", sorted(STEERED))
async def test_a_notice_that_is_repeated_inside_the_recording_asks_again(house: House, name: str):
    """In China it must be heard before and inside. Wrong: "press 9" a second time, and nobody collects the 9."""
    line = await connected(house, name)
    await publish(house, mode="opt_in_key")
    place = CallFacts(call_ref=line.call.ref, caller_place="CN", callee_place="CN")
    await house.vault.recordings.calls.start(house.account.id, place)
    await line.ask("call")
    repeated = await line.ask("key", "1")
    assert any(isinstance(step, Wait) for step in repeated)
    assert "running=1" in line.addresses["key"]
    # Who agrees again, or says nothing, does not begin a second recording.
    assert goes_on(await line.ask("key", "1"))
    assert goes_on(await line.ask("key", "9"))
    assert {event.answer for event in await answered(line)} == {"accepted", "declined"}
