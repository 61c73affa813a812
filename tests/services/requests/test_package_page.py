"""The page of a package: the calls by date with their sound, in the person's language, without scripts."""

import re
from datetime import UTC, datetime

import pytest

from tests.services.requests.people import ACTOR, OTHER, PERSON, ask, asks, call, carried_out, decide
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.parties import ME, tell
from tests.support.service_house import House
from vault.domain.notices.notice import NoticeRequest
from vault.domain.requests.request import Verdict


async def page_of(house: House, kind: str = "access") -> str:
    """Let everything of the person be provided; return the page of the package."""
    view = await ask(house, asks(kind))
    await decide(house, view.request.id, "provided")
    await carried_out(house, view.request.id)
    return (await package(house, view.request.id)).read("index.html").decode()


async def announce(house: House, language: str, *, party: str, call: str) -> None:
    """Let a party hear a notice in a language."""
    wish = NoticeRequest(
        language=language, audience=party, mode="announce", controller="Acme", purposes="Schulung",
        refusal="", full_notice="acme.example/privacy",
    )  # fmt: skip
    draft = await house.vault.consent.notices.draft(house.account.id, wish, **ME)
    notice = await house.vault.consent.notices.publish(house.account.id, draft.id, **ME)
    await tell(house, "announced", party=party, call=call, notice=notice.id)


async def test_calls_stand_by_date_with_their_sound_and_details(house: House):
    """The oldest first, each with its side, its length, its audio in the page, and what its files are."""
    late, early = datetime(2026, 1, 20, 16, 5, tzinfo=UTC), datetime(2025, 12, 24, 9, 30, tzinfo=UTC)
    second = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER, seconds=2, at=late)
    first = await stereo_call(house, "call-2", caller=OTHER, callee=PERSON, at=early)
    page = await page_of(house)
    assert re.findall(r"<h3 id=\"(\w+)\">([^<]+)</h3>", page) == [
        (first, "Call of 24 December 2025, 09:30 UTC"),
        (second, "Call of 20 January 2026, 16:05 UTC"),
    ]
    assert "You were called. Your number ends in 678. Length 0:01. Your own voice alone." in page
    assert "You called. Your number ends in 678. Length 0:02. Your own voice alone." in page
    for one in (first, second):
        assert f'<audio controls preload="none" src="recordings/{one}/audio.wav"' in page
        assert f'<a href="recordings/{one}/evidence.json">What was announced to you' in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


async def test_it_is_in_the_language_of_the_notice_that_the_person_heard(house: House):
    """Not in that of the other party; without a notice, in the account's."""
    await announce(house, "de", party="caller", call="call-1")
    await announce(house, "fr", party="callee", call="call-1")
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    page = await page_of(house)
    assert '<html lang="de">' in page
    assert "<h1>Ihre Daten</h1>" in page
    assert "Wer die Daten erhält" in page or "Empfänger" in page
    assert "Your" not in page


async def test_without_a_notice_it_is_in_the_language_of_the_account(house: House):
    """And one that nobody translated is answered in English."""
    await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    for locale, language in (("es-MX", "es"), ("pt-BR", "en")):
        await house.vault.accounts.accounts.open(house.account.ref, name=None, locale=locale, actor=ACTOR)
        assert f'<html lang="{language}">' in await page_of(
            house, "portability" if language == "en" else "access"
        )


@pytest.mark.parametrize("is_whole", [True, False])
async def test_what_is_not_there_is_said(house: House, is_whole: bool):
    """Why a recording is left out, and whether one is whole."""
    erased = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    given = await stereo_call(house, "call-2", caller=PERSON, callee=OTHER)
    view = await ask(house, asks("access"))
    verdicts = {given: Verdict(code="provided_whole")} if is_whole else {}
    await decide(house, view.request.id, "provided", verdicts=verdicts)
    await house.vault.recordings.recordings.erase(house.account.id, erased, actor=ACTOR)
    await carried_out(house, view.request.id)
    page = (await package(house, view.request.id)).read("index.html").decode()
    assert re.search(r"<h2>What is not here</h2><ul><li>Call of [^<]+ UTC was erased\.</li></ul>", page)
    assert erased not in page
    assert f"You called. Your number ends in {PERSON[-3:]}." in page
    assert ("The whole recording." in page) == is_whole
    assert page.count("<audio") == 1


async def test_a_whole_recording_says_who_called(house: House):
    """Also one with a single channel, on which nobody's voice stands alone."""
    await call(house, "call-1", caller=OTHER, callee=PERSON)
    receipt = await house.announce("rec-1", url="https://media.example/mono.wav", call_ref="call-1")
    await house.settle(receipt.recording_id)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided_whole")
    await carried_out(house, view.request.id)
    page = (await package(house, view.request.id)).read("index.html").decode()
    assert f"You were called. Your number ends in {PERSON[-3:]}." in page
    assert "The whole recording." in page
