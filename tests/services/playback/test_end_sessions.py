"""The last word on sessions: what a crash left open is closed by an upper bound, once, on both databases."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.service_house import AUDIO, House
from vault.database.stores.audit_log.access_events import EventRows
from vault.domain.audit_log.access_event import AccessEvent
from vault.domain.playback.link import Session
from vault.services.audit_log.access_log import EventFilter
from vault.services.playback.link_request import LinkRequest
from vault.services.playback.playable_audio import PlayableAudio


async def opened(house: House, recording: str) -> tuple[Session, PlayableAudio, PlayableAudio]:
    """Open a new link; returns the session, what it plays and what it may keep."""
    wish = LinkRequest(listener="Robin", kind="player", life=timedelta(hours=1), sessions=1, download=True)
    _, token = await house.vault.playback.links.create(house.account.id, recording, wish, actor="key_test")
    answer = await house.vault.playback.open_links.open(token.text, nonce="n", address=None, agent="a")
    found = await house.vault.playback.open_links.find(answer.session.id, answer.secret.text)
    find = house.vault.playback.audio
    played = await find.for_session(found.session, found.recording, found.keys)
    return found.session, played, await find.for_session_download(found)


async def hear(house: House, sound: PlayableAudio, start: int, end: int) -> None:
    """Take all of a range, so that its end is in the log."""
    assert (
        b"".join([block async for block in await house.vault.playback.audio.stream(sound, start, end)])
        == AUDIO[start:end]
    )


async def die(house: House, sound: PlayableAudio, start: int, end: int) -> None:
    """Have a range granted and go no further, as a process that is killed then."""
    await house.vault.playback.audio.stream(sound, start, end)


async def recording_of(house: House) -> str:
    """Bring a recording in."""
    recording = (await house.announce()).recording_id
    await house.settle(recording)
    return recording


async def events(house: House, session: Session) -> list[AccessEvent]:
    """Return the session's events, in the order of the log."""
    await house.database.write(lambda tx: tx.tree.settle())
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    return [one.event for one, _ in page.items if one.event.session_id == session.id]


async def end(house: House, at: datetime) -> bool:
    """Run the verb as at a moment that is still to come, by the database's clock too."""
    verb = house.vault.jobs.end_sessions
    return await replace(verb, clock=lambda: at, grace=verb.grace - (at - datetime.now(UTC)))()


async def test_what_a_crash_left_open_is_closed_by_an_upper_bound(either: House):
    """A request without an end gets one, of its own kind, with all it was granted; the others keep theirs."""
    session, played, kept = await opened(either, await recording_of(either))
    await hear(either, played, 0, 100)
    await die(either, played, 500, 1500)
    await die(either, kept, 0, len(AUDIO))
    await hear(either, played, 3000, 3010)
    later = session.ends_at + timedelta(minutes=11)
    before = await events(either, session)
    assert await end(either, later)
    *same, first, second = await events(either, session)
    assert same == before
    assert [(one.type, one.end, one.result) for one in (first, second)] == [
        ("playback.end", 1000, "upper_bound"),
        ("download.end", len(AUDIO), "upper_bound"),
    ]
    assert (first.actor, first.at, first.link_id) == ("worker", later, session.link_id)
    assert (first.recording_id, first.account_id) == (session.recording_id, session.account_id)
    assert not await end(either, later)
    assert await events(either, session) == [*before, first, second]


async def test_a_session_that_may_still_get_bytes_is_left_alone(either: House):
    """Its last word is due some time after its end: a slow reader may still be getting a window."""
    session, played, _ = await opened(either, await recording_of(either))
    await die(either, played, 0, 10)
    for at in (session.opened_at, session.ends_at, session.ends_at + timedelta(minutes=9, seconds=50)):
        assert not await end(either, at)
    assert [one.type for one in await events(either, session)] == ["playback.open", "playback.grant"]
    assert await end(either, session.ends_at + timedelta(minutes=10, seconds=1))
    assert [one.type for one in await events(either, session)][2:] == ["playback.end"]


async def test_two_nodes_say_it_once(either: House):
    """However many look at the same moment."""
    session, played, _ = await opened(either, await recording_of(either))
    await die(either, played, 0, 10)
    await asyncio.gather(*(end(either, session.ends_at + timedelta(hours=1)) for _ in range(5)))
    assert [one.type for one in await events(either, session)][2:] == ["playback.end"]


async def test_other_sessions_of_the_recording_keep_their_own(either: House, monkeypatch: pytest.MonkeyPatch):
    """What one of them was sent says nothing of another's; and long logs are read page by page."""
    monkeypatch.setattr("vault.services.playback.close_sessions._EVENT_BATCH_SIZE", 2)
    recording = await recording_of(either)
    first, its_sound, _ = await opened(either, recording)
    second, other_sound, _ = await opened(either, recording)
    await die(either, its_sound, 0, 10)
    await hear(either, other_sound, 0, 10)
    await hear(either, other_sound, 10, 20)
    assert await end(either, second.ends_at + timedelta(hours=1))
    ends = {
        one.id: [e.result for e in await events(either, one) if e.type == "playback.end"]
        for one in (first, second)
    }
    assert ends == {first.id: ["upper_bound"], second.id: [None, None]}


async def test_what_was_read_before_a_crash_is_not_read_again(either: House, monkeypatch: pytest.MonkeyPatch):
    """Reading goes on at the first request that was left open; what is written then is the same."""
    monkeypatch.setattr("vault.services.playback.close_sessions._EVENT_BATCH_SIZE", 1)
    session, played, _ = await opened(either, await recording_of(either))
    for _ in range(3):
        await hear(either, played, 0, 10)
    await events(either, session)
    page = await either.vault.audit_log.access_log.list_events(
        either.account.id, EventFilter(), start=0, limit=1000
    )
    left_open = page.items[-1][0].index + 1
    await die(either, played, 20, 30)
    await hear(either, played, 40, 45)
    await events(either, session)
    later = session.ends_at + timedelta(hours=1)
    with monkeypatch.context() as context:
        context.setattr("vault.services.playback.close_sessions._settle", None)
        with pytest.raises(TypeError):
            await end(either, later)
    (one,) = await either.database.read(lambda tx: tx.links.unsettled(later, limit=1))
    assert one.log_size == left_open
    assert await end(either, later)
    last = (await events(either, session))[-1]
    assert (last.type, last.end, last.result) == ("playback.end", 10, "upper_bound")


async def test_sessions_of_one_recording_are_read_once(either: House, monkeypatch: pytest.MonkeyPatch):
    """Its events are read once for all of its sessions, and not once for each."""
    recording = await recording_of(either)
    for _ in range(4):
        session, played, _ = await opened(either, recording)
        await hear(either, played, 0, 10)
    await events(either, session)
    pages = []
    page = EventRows.page

    def counted(self: EventRows, *arguments: Any, **named: Any) -> Any:
        pages.append(named["start"])
        return page(self, *arguments, **named)

    monkeypatch.setattr(EventRows, "page", counted)
    assert await end(either, session.ends_at + timedelta(hours=1))
    assert len(pages) == 1


async def test_the_story_says_granted_where_nobody_knows_what_was_sent(either: House):
    """An upper bound is no figure of what was sent, and an end that comes late all the same is one."""
    recording = await recording_of(either)
    session, played, _ = await opened(either, recording)
    await die(either, played, 0, len(AUDIO))
    assert await end(either, session.ends_at + timedelta(hours=1))

    async def told() -> list[str]:
        story = await either.vault.audit_log.access_log.history(either.account.id, recording)
        return [item.text for item in story if item.kind == "playback.grant"]

    assert await told() == ["Granted 00:00-00:00 to Robin; how much of it was sent is not known"]
    late = replace((await events(either, session))[-1], id="evt_late", end=len(AUDIO), result=None)
    await either.database.write(lambda tx: tx.events.append(late))
    assert await events(either, session)
    assert await told() == ["Sent 00:00-00:00 to Robin"]
