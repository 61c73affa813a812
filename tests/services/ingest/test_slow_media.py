"""Accounts whose media is slow delay no other account, however many there are."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

import pytest

from tests.fakes.fetcher import Media
from tests.support.service_house import AUDIO, URL, House, with_account
from tests.support.working import until, worker
from vault.domain.recordings.recording import State
from vault.fair_places import FairPlaces
from vault.worker import tasks

#: Slow recordings of each account: more than one account can have in hand.
_BACKLOG = 3
#: Of ``worker``.
_WORKERS = 2


async def _slow(house: House, account: str, hang: asyncio.Event, backlog: int = _BACKLOG) -> list[str]:
    """Open an account, and announce recordings whose media hangs; return their ids."""
    tenant = await with_account(house, account)
    ids = []
    for number in range(backlog):
        url = f"https://media.example/{account}-{number}.wav"
        received = await tenant.announce(f"slow-{number}", url=url, call_ref=f"call-{number}")
        house.fetcher.serve(url, Media(body=AUDIO, hang=hang))
        ids.append(received.recording_id or "")
    return ids


@asynccontextmanager
async def _all_slow(house: House, accounts: int) -> AsyncIterator[list[str]]:
    """Let a worker fetch slow media of accounts until each has what it can get; yield the recordings' ids."""
    hang, slow = asyncio.Event(), list[str]()
    async with worker(house):
        try:
            for number in range(accounts):
                slow += await _slow(house, f"slow-{number}", hang)
                await until(lambda most=_WORKERS + number: _fetched(house, most), "its media is fetched")  # type: ignore[misc]
            yield slow
        finally:
            hang.set()


async def _fetched(house: House, count: int) -> bool:
    return house.fetcher.open >= count


async def _becomes_available(house: House, account: str) -> None:
    quick = await with_account(house, account)
    recording_id = (await quick.announce("quick", url=URL)).recording_id or ""

    async def available() -> bool:
        return await house.state(recording_id) is State.AVAILABLE

    await until(available, "the recording is available")


@pytest.mark.parametrize("accounts", [1, 2, 6])
async def test_slow_media_of_some_accounts_delays_no_other(either: House, accounts: int):
    """While their fetches hang, a recording of another account becomes available, and so does the next one's."""
    async with _all_slow(either, accounts) as slow:
        await _becomes_available(either, "first")
        await _becomes_available(either, "second")
        assert either.fetcher.open == _WORKERS + accounts - 1
        rows = [await either.row(one) for one in slow]
        # What no place was free for waits as if nobody had looked at it.
        assert sum(row.attempts for row in rows) == either.fetcher.open


@asynccontextmanager
async def _long(places: FairPlaces, accounts: Collection[str]) -> AsyncIterator[None]:
    """End the turn of each fetch of these accounts that has begun, again and again."""

    async def end_turns() -> None:
        while True:
            begun = places.held
            await asyncio.sleep(0.01)
            for place in begun:
                if place.account_id in accounts and place in places.held and not place.is_long:
                    places.end_turn(place)

    ending = asyncio.create_task(end_turns())
    try:
        yield
    finally:
        ending.cancel()


@pytest.mark.parametrize("accounts", [4, 6])
async def test_however_many_accounts_have_slow_media_another_is_fetched(
    either: House, monkeypatch: pytest.MonkeyPatch, accounts: int
):
    """More than there are places: fetches that last give way, and are complete once their hosts are quick again."""
    monkeypatch.setattr(tasks, "FOR_OTHERS", 2)
    hang, slow = asyncio.Event(), list[str]()
    for number in range(accounts):
        slow += await _slow(either, f"slow-{number}", hang)
    accounts_of_slow = {(await either.row(one)).account_id for one in slow}
    async with worker(either), _long(either.vault.jobs.ingest.places, accounts_of_slow):
        for account in ("first", "second"):
            await _becomes_available(either, account)
        rows = [await either.row(one) for one in slow]
        gone = [row for row in rows if row.state is State.RETRY_WAIT]
        assert {row.reasons[0].code for row in gone} == {"gave_way"}
        assert {row.attempts for row in gone} == {0}
        assert either.fetcher.open <= _WORKERS + 2
        hang.set()
    assert {await either.settle(one) for one in slow} == {State.AVAILABLE}


async def test_a_slow_recording_comes_in_while_others_are_slow_for_ever(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """All long places are held by fetches that never end: one of them gives way to a fetch of some turns."""
    monkeypatch.setattr(tasks, "FOR_OTHERS", 2)
    places = either.vault.jobs.ingest.places
    hang, late = asyncio.Event(), asyncio.Event()
    for number in range(3):
        await _slow(either, f"slow-{number}", hang, 1)
    victim = await with_account(either, "victim")
    recording_id = (await victim.announce("late")).recording_id or ""
    either.fetcher.serve(URL, Media(body=AUDIO, hang=late))
    async with worker(either):
        await until(lambda: _fetched(either, 4), "all media is fetched")
        (own,) = (place for place in places.held if place.account_id == victim.account.id)
        slow = [place for place in places.held if place is not own]
        for place in (*slow, *slow, own):
            places.end_turn(place)
        assert not own.ends
        late.set()

        async def available() -> bool:
            return await either.state(recording_id) is State.AVAILABLE

        await until(available, "the recording is available")
        hang.set()
