"""Notices from draft to retirement: what changes when, what is on record, and what is heard."""

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import update

from tests.fakes.prompt_maker import samples_of
from tests.support.notice_drafts import TEXT, wish
from tests.support.service_house import House
from tests.support.tenant import tone
from vault.database.schema.consent import notices
from vault.domain.consent.consent_event import Keys
from vault.domain.notices.audio import PromptRequest
from vault.errors import Invalid, NotFound, Refused, Tampered, Undecodable
from vault.services.audit_log.access_log import EventFilter

ME = {"actor": "key_test"}
SPEECH = tone(1.0)
BEEP = PromptRequest(beep="start")


async def drafted(house: House, **said):
    """Draft a complete notice."""
    return await house.vault.consent.notices.draft(house.account.id, wish(text=TEXT, **said), **ME)


async def logged(house: House, since: int = 0):
    """Return kind and subject of every event about notices."""
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    events = [logged.event for logged, _ in page.items]
    return [(event.type, event.result) for event in events if event.type.startswith("notice.")][since:]


async def test_a_draft_has_the_default_text_where_it_has_none(house: House):
    """With the keys of the account's policy; language and places are written in one way."""
    current = await house.database.read(lambda tx: tx.policies.current(house.account.id))
    keys = Keys(accept="5", decline="8")
    policy = replace(
        current,
        version=current.version + 1,
        keys=keys,
        changed_at=house.account.opened_at,
        changed_by="key_1",
    )
    await house.database.write(lambda tx: tx.policies.add(house.account.id, policy))
    asked = wish(language="DE-at", mode="opt_in_key", refusal="", places=("uk", "us-wa", "GB"))
    made = await house.vault.consent.notices.draft(house.account.id, asked, **ME)
    assert (made.language, made.places) == ("de-AT", ("GB", "US-WA"))
    assert "drücken Sie die 5" in made.text
    assert made.refusal == "drücken Sie die 8 oder gar keine Taste"
    assert made.text_sha256 == hashlib.sha256(made.text.encode()).hexdigest()
    assert (made.status, made.version, made.audio_sha256) == ("draft", None, None)
    assert await house.vault.consent.notices.read(house.account.id, made.id) == made


@pytest.mark.parametrize(
    ("said", "field"),
    [({"language": "german"}, "language"), ({"places": ("France",)}, "places"), ({"language": "nl"}, "text")],
)
async def test_a_draft_that_cannot_be_meant_is_refused(house: House, said, field):
    """The field is named, and nothing is kept."""
    with pytest.raises(Invalid) as caught:
        await house.vault.consent.notices.draft(house.account.id, wish(**said), **ME)
    assert caught.value.field == field
    assert await house.vault.consent.notices.list(house.account.id) == []
    assert await logged(house) == []


async def test_a_notice_is_on_record_from_draft_to_retirement(house: House):
    """Each change is an event that names the notice; what changes nothing is none."""
    made = await drafted(house)
    id_ = house.account.id
    await house.vault.consent.notices.change(id_, made.id, wish(text=TEXT), **ME)
    await house.vault.consent.notices.change(id_, made.id, wish(text=TEXT, places=("FR",)), **ME)
    await house.vault.consent.notices.set_audio(id_, made.id, SPEECH, BEEP, **ME)
    await house.vault.consent.notices.remove_audio(id_, made.id, **ME)
    await house.vault.consent.notices.remove_audio(id_, made.id, **ME)
    await house.vault.consent.notices.publish(id_, made.id, **ME)
    second = await drafted(house)
    await house.vault.consent.notices.publish(id_, second.id, **ME)
    for _ in range(2):
        await house.vault.consent.notices.retire(id_, second.id, **ME)
    third = await drafted(house)
    await house.vault.consent.notices.delete(id_, third.id, **ME)
    assert await logged(house) == [
        ("notice.drafted", made.id),
        ("notice.changed", made.id),
        ("notice.changed", made.id),
        ("notice.changed", made.id),
        ("notice.published", made.id),
        ("notice.drafted", second.id),
        ("notice.published", second.id),
        ("notice.retired", made.id),
        ("notice.retired", second.id),
        ("notice.drafted", third.id),
        ("notice.deleted", third.id),
    ]
    listed = await house.vault.consent.notices.list(id_)
    assert {(one.id, one.status, one.version) for one in listed} == {
        (made.id, "retired", 1),
        (second.id, "retired", 2),
    }


async def test_what_is_incomplete_is_not_published(house: House):
    """The element is named, the draft stays, the version before it stays, and nothing is on record."""
    first = await house.vault.consent.notices.publish(house.account.id, (await drafted(house)).id, **ME)
    made = await drafted(house, controller="")
    before = await logged(house)
    with pytest.raises(Invalid) as caught:
        await house.vault.consent.notices.publish(house.account.id, made.id, **ME)
    assert caught.value.field == "controller"
    assert await house.vault.consent.notices.read(house.account.id, made.id) == made
    assert await house.vault.consent.notices.read(house.account.id, first.id) == first
    assert await logged(house) == before


async def test_the_packaged_rules_say_where_retention_is_spoken(house: House):
    """Belgium and Spain want it, and Belgium's law is asked where a notice is meant for it."""
    made = await drafted(house, retention="", places=("BE",))
    with pytest.raises(Invalid) as caught:
        await house.vault.consent.notices.publish(house.account.id, made.id, **ME)
    assert caught.value.field == "retention"


async def test_what_was_published_stays_as_it_is(house: House):
    """No change, no deletion, no other audio: a refusal that says so, also when it is retired."""
    made, id_ = await drafted(house), house.account.id
    await house.vault.consent.notices.publish(id_, made.id, **ME)
    for status in ("published", "retired"):
        for attempt in (
            house.vault.consent.notices.change(id_, made.id, wish(text="Other"), **ME),
            house.vault.consent.notices.delete(id_, made.id, **ME),
            house.vault.consent.notices.set_audio(id_, made.id, SPEECH, BEEP, **ME),
            house.vault.consent.notices.remove_audio(id_, made.id, **ME),
            house.vault.consent.notices.publish(id_, made.id, **ME),
        ):
            with pytest.raises(Refused) as caught:
                await attempt
            assert caught.value.reasons == (status,)
        await house.vault.consent.notices.retire(id_, made.id, **ME)
    with pytest.raises(Refused):
        await house.vault.consent.notices.retire(id_, (await drafted(house)).id, **ME)


async def test_another_account_finds_nothing(house: House):
    """Each verb says that there is no such notice, as it does of one that never was."""
    other, _ = await house.vault.accounts.accounts.open("other", name=None, locale=None, **ME)
    made = await drafted(house)
    for notice_id in (made.id, "ntc_0"):
        for attempt in (
            house.vault.consent.notices.read(other.id, notice_id),
            house.vault.consent.notices.change(other.id, notice_id, wish(text=TEXT), **ME),
            house.vault.consent.notices.delete(other.id, notice_id, **ME),
            house.vault.consent.notices.set_audio(other.id, notice_id, SPEECH, BEEP, **ME),
            house.vault.consent.notices.remove_audio(other.id, notice_id, **ME),
            house.vault.consent.notices.publish(other.id, notice_id, **ME),
            house.vault.consent.notices.retire(other.id, notice_id, **ME),
            house.vault.consent.notices.read_own_audio(other.id, notice_id, "pcm"),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert await house.vault.consent.notices.list(other.id) == []
    assert await house.vault.consent.notices.read(house.account.id, made.id) == made


async def test_audio_is_heard_as_it_was_made(house: House):
    """By the account while it is a draft, by anybody once it was published; its digest is that of the file."""
    made, id_ = await drafted(house), house.account.id
    with pytest.raises(NotFound):
        await house.vault.consent.notices.read_own_audio(id_, made.id, "pcm")
    audible = await house.vault.consent.notices.set_audio(id_, made.id, SPEECH, PromptRequest(), **ME)
    draft_file = await house.vault.consent.notices.read_own_audio(id_, made.id, "pcm")
    with pytest.raises(NotFound):
        await house.vault.consent.notices.read_audio(made.id, "pcm")
    await house.vault.consent.notices.publish(id_, made.id, **ME)
    file = await house.vault.consent.notices.read_audio(made.id, "pcm")
    assert file == draft_file
    assert audible.audio_sha256 == hashlib.sha256(file).hexdigest()
    assert audible.audio_seconds == pytest.approx(1.4)
    assert samples_of(file)[1600:9600] == samples_of(SPEECH)
    await house.vault.consent.notices.retire(id_, made.id, **ME)
    assert len(await house.vault.consent.notices.read_audio(made.id, "ulaw")) == 58 + 11200


async def test_audio_lies_sealed_in_its_row(house: House):
    """No sample stands in clear, and a row with another notice's audio, or an older one, is tampered with."""
    id_, rows = house.account.id, []
    for hertz in (300.0, 500.0):
        made = await drafted(house)
        await house.vault.consent.notices.set_audio(
            id_, made.id, tone(1.0, hertz=hertz), PromptRequest(), **ME
        )
        sealed = await house.database.read(lambda tx, i=made.id: tx.notices.prompt(i))
        assert tone(1.0, hertz=hertz)[1000:1100] not in sealed.message
        rows.append((made.id, sealed))
    (first, old), (second, foreign) = rows
    await house.vault.consent.notices.set_audio(id_, first, tone(2.0), PromptRequest(), **ME)
    digest = (await house.vault.consent.notices.read(id_, second)).audio_sha256
    for message, more in (
        (foreign.message, {}),
        (old.message, {}),
        (old.message[:-1], {}),
        (foreign.message, {"audio_sha256": digest}),
    ):
        query = update(notices).where(notices.c.id == first).values(sealed_audio=message, **more)
        await house.database.write(lambda tx, q=query: tx.connection.execute(q) and None)
        with pytest.raises(Tampered):
            await house.vault.consent.notices.read_own_audio(id_, first, "pcm")


async def test_audio_goes_when_it_would_say_something_else(house: House):
    """With another text, language or mode; other fields leave it."""
    id_ = house.account.id
    changes = [
        (wish(text=TEXT, places=("FR",), controller="acme limited"), True),
        (wish(text=TEXT + " Thank you."), False),
        (wish(text=TEXT, language="en-GB"), False),
        (wish(text=TEXT, mode="opt_out_key"), False),
    ]
    for change, stays in changes:
        made = await drafted(house)
        await house.vault.consent.notices.set_audio(id_, made.id, SPEECH, PromptRequest(), **ME)
        after = await house.vault.consent.notices.change(id_, made.id, change, **ME)
        assert (after.audio_sha256 is not None) is stays
        assert await house.vault.consent.notices.read(id_, made.id) == after
        assert (await house.database.read(lambda tx, i=made.id: tx.notices.prompt(i)) is not None) is stays


async def test_a_tone_is_made_of_nothing(house: House):
    """For the mode tone alone; every other mode needs words."""
    id_, made = house.account.id, await drafted(house, mode="tone")
    with pytest.raises(Invalid) as caught:
        await house.vault.consent.notices.publish(id_, made.id, **ME)
    assert caught.value.field == "audio"
    with pytest.raises(Invalid) as caught:
        await house.vault.consent.notices.set_audio(id_, made.id, b"", PromptRequest(), **ME)
    assert caught.value.field == "beep"
    audible = await house.vault.consent.notices.set_audio(id_, made.id, b"", BEEP, **ME)
    assert audible.audio_seconds == pytest.approx(0.9)
    assert (await house.vault.consent.notices.publish(id_, made.id, **ME)).version == 1
    spoken = await drafted(house)
    with pytest.raises(Undecodable):
        await house.vault.consent.notices.set_audio(id_, spoken.id, b"", BEEP, **ME)


async def test_audio_that_kills_the_decoder_is_undecodable(house: House):
    """The sentence says what to do, and the draft has no audio."""
    id_, made = house.account.id, await drafted(house)
    house.vault.consent.notices.prompt_maker.crashes = 1
    with pytest.raises(Undecodable, match="WAV"):
        await house.vault.consent.notices.set_audio(id_, made.id, SPEECH, BEEP, **ME)
    assert (await house.vault.consent.notices.read(id_, made.id)).audio_sha256 is None


async def test_audio_for_a_text_that_changed_meanwhile_is_refused(house: House):
    """What was spoken is not what stands there now."""
    id_, made = house.account.id, await drafted(house)
    maker = house.vault.consent.notices.prompt_maker

    class Slow:
        """Makes a prompt while somebody changes the draft."""

        async def make(self, upload, asked):
            """Change the draft, then make the prompt."""
            await house.vault.consent.notices.change(id_, made.id, wish(text=TEXT + " Thank you."), **ME)
            return await maker.make(upload, asked)

    with pytest.raises(Refused) as caught:
        await replace(house.vault.consent.notices, prompt_maker=Slow()).set_audio(
            id_, made.id, SPEECH, BEEP, **ME
        )
    assert caught.value.reasons == ("changed",)
    assert (await house.vault.consent.notices.read(id_, made.id)).audio_sha256 is None
