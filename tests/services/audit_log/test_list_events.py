"""Reading access events: by recording, by time, by who was meant to listen, page by page."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.service_house import House
from vault.domain.audit_log.access_event import AccessEvent
from vault.services.audit_log.access_log import EventFilter
from vault.services.playback.link_request import LinkRequest
from vault.services.shared import event_scan

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


async def add_at(house: House, *moments: datetime) -> None:
    """Append an event for each moment."""
    events = [
        AccessEvent(type="waveform.read", at=at, account_id=house.account.id, actor="key_test")
        for at in moments
    ]
    await house.database.write(lambda tx: [tx.events.append(one) for one in events])


async def pages(house: House, wanted: EventFilter, limit: int) -> list[list[tuple[int, str]]]:
    """Return every page, as indexes and kinds."""
    found, start = [], 0
    while start is not None:
        page = await house.vault.audit_log.access_log.list_events(
            house.account.id, wanted, start=start, limit=limit
        )
        found.append([(logged.index, logged.event.type) for logged, _ in page.items])
        start = page.next_start
    return found


async def test_pages_follow_the_order_of_the_log(house: House):
    """No gap, no repeat, and what is added between two pages comes after all others."""
    await add_at(house, *[NOON] * 7)
    everything = [one for page in await pages(house, EventFilter(), 3) for one in page]
    assert [index for index, _ in everything] == list(range(len(everything)))
    first = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=5
    )
    await add_at(house, NOON - timedelta(days=1))
    second = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=first.next_start, limit=1000
    )
    assert [one.index for one, _ in (*first.items, *second.items)] == list(range(len(everything) + 1))
    assert second.next_start is None


async def test_times_narrow_a_list(house: House):
    """From is in, to is not, and events stand in the order of the log, whatever their times."""
    moments = [NOON + timedelta(seconds=n) for n in (3, 1, 2, 0, 4)]
    start = len(await house.events())
    await add_at(house, *moments)
    wanted = EventFilter(since=NOON + timedelta(seconds=1), until=NOON + timedelta(seconds=4))
    assert [index - start for page in await pages(house, wanted, 2) for index, _ in page] == [0, 1, 2]
    assert await pages(house, EventFilter(until=NOON - timedelta(days=9999)), 2) == [[]]


async def test_a_listener_narrows_a_list(house: House):
    """What was done through the links made for one person, sessions and their grants among it."""
    recording = (await house.announce()).recording_id
    await house.settle(recording)

    async def listen(listener: str) -> None:
        wish = LinkRequest(listener=listener, kind="player", life=timedelta(hours=1), sessions=1)
        link, token = await house.vault.playback.links.create(
            house.account.id, recording, wish, actor="key_test"
        )
        opened = await house.vault.playback.open_links.open(token.text, nonce="n", address=None, agent="a")
        found = await house.vault.playback.open_links.find(opened.session.id, opened.secret.text)
        session, sound = (
            found.session,
            await house.vault.playback.audio.for_session(found.session, found.recording),
        )
        assert b"".join([block async for block in await house.vault.playback.audio.stream(sound, 0, 100)])
        await house.vault.playback.player.waveform(
            house.account.id, recording, actor=session.id, session_id=session.id
        )
        await house.vault.playback.links.revoke(house.account.id, recording, link.id, actor="key_test")

    for listener in ("Kim Doe", "Sam Roe", "kim doe"):
        await listen(listener)
    heard = [
        "link.created",
        "playback.open",
        "playback.grant",
        "playback.end",
        "waveform.read",
        "link.revoked",
    ]
    for listener, times in (("Kim Doe", 2), ("KIM DOE", 2), ("Sam Roe", 1), ("Kim", 0)):
        found = await pages(house, EventFilter(listener=listener), 4)
        assert [kind for page in found for _, kind in page] == heard * times
    narrowed = EventFilter(listener="Kim Doe", recording_id="rec_other")
    assert await pages(house, narrowed, 4) == [[]]


async def test_a_page_looks_at_a_bounded_number_of_events(house: House, monkeypatch: pytest.MonkeyPatch):
    """A filter that fits the last event alone gives short pages on the way to it, and then the event."""
    monkeypatch.setattr(event_scan, "_BATCH_SIZE", 10)
    monkeypatch.setattr(event_scan, "_MAX_READS", 3)
    start = len(await house.events())
    await add_at(house, *[NOON] * (100 - start), NOON + timedelta(days=1))
    wanted = EventFilter(since=NOON + timedelta(hours=1), until=NOON + timedelta(days=2))
    assert await pages(house, wanted, 50) == [[], [], [], [(100, "waveform.read")]]


async def test_details_are_opened(house: House):
    """What the leaf only commits to is shown to the account."""
    recording = (await house.announce()).recording_id
    await house.settle(recording)
    wish = LinkRequest(listener="Kim Doe", kind="player", life=timedelta(hours=1), sessions=1)
    await house.vault.playback.links.create(house.account.id, recording, wish, actor="key_test")
    page = await house.vault.audit_log.access_log.list_events(
        house.account.id, EventFilter(), start=0, limit=1000
    )
    (detail,) = [said for logged, said in page.items if logged.event.type == "link.created"]
    assert detail == {"listener": "Kim Doe"}
    assert not any(b"Kim Doe" in logged.leaf for logged, _ in page.items)
