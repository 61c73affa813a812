"""A key means what the notice said of it: the policy's keys may have changed since its text was written."""

import pytest

from tests.support.notice_drafts import wish
from tests.support.parties import ME, set_policy
from tests.support.service_house import House
from tests.support.steered_line import answered, connected, goes_on, publish, with_platforms
from tests.support.tenant import tone
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.audio import PromptRequest
from vault.errors import Refused
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
    """Its text says those of before. Saved again it has those of now, and loses the audio that says the others."""
    house, account_id = with_platforms(either), either.account.id
    notices = house.vault.notices
    draft = await notices.draft(account_id, wish(mode="opt_out_key", refusal=""), **ME)
    await notices.set_audio(account_id, draft.id, tone(1.0), PromptRequest(), **ME)
    await set_policy(house, mode="opt_out_key", keys=Keys(decline="7"))
    with pytest.raises(Refused) as caught:
        await notices.publish(account_id, draft.id, **ME)
    assert caught.value.reasons == ("other_keys",)
    saved = await notices.change(
        account_id, draft.id, wish(mode="opt_out_key", refusal="", text=draft.text), **ME
    )
    assert (saved.keys, saved.audio_sha256) == (Keys(decline="7"), None)
    again = await notices.change(account_id, draft.id, wish(mode="opt_out_key", refusal=""), **ME)
    assert "press 7" in again.text
    published = await notices.publish(account_id, draft.id, **ME)
    assert published.keys == Keys(decline="7")


async def test_a_text_without_a_question_may_be_published_under_other_keys(either: House):
    """It asks for no key."""
    draft = await either.vault.notices.draft(either.account.id, wish(), **ME)
    await set_policy(either, mode="announce", keys=Keys(decline="7"))
    assert (await either.vault.notices.publish(either.account.id, draft.id, **ME)).status == "published"


@pytest.mark.parametrize("name", sorted(STEERED))
@pytest.mark.parametrize("key", ["#", "9"])
async def test_a_key_that_the_platform_does_not_report_is_not_asked_for(house: House, name: str, key: str):
    """SignalWire takes ``#`` as the end of the input. Wrong: "press # now", and the call is recorded."""
    line = await connected(house, name)
    await set_policy(house, mode="opt_out_key", keys=Keys(decline=key))
    await publish(house, refusal="")
    asked = await line.ask("call")
    assert goes_on(asked) == ((name, key) == ("signalwire", "#"))
