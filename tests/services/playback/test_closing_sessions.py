"""A player that waits hears of each way in which its session closes, and no other time."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.listening import opened
from tests.support.parties import ME
from tests.support.service_house import House
from vault.database.schema.core import sessions
from vault.errors import NotFound
from vault.services.playback.closing_sessions import MAX_WAIT, OF_SESSION
from vault.services.playback.link_request import LinkRequest
from vault.services.playback.open_links import OpenedLink
from vault.services.shared import shared_look

ENDS = ("revoked", "restricted", "erased", "ended")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(shared_look, "PAUSE", 0.01)


async def listening(house: House, ref: str = "rec-1") -> OpenedLink:
    """Open a session."""
    recording_id = (await house.announce(ref)).recording_id
    await house.settle(recording_id)
    wish = LinkRequest(listener="Ada", kind="player", life=timedelta(minutes=15), sessions=1)
    _, token = await house.vault.playback.links.create(house.account.id, recording_id, wish, **ME)
    return await opened(house, token)


async def state(house: House, found: OpenedLink, *, wait: timedelta, ended: Any = None) -> str:
    """Ask how it stands."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    secret = found.secret.text
    _, word = await house.vault.playback.open_links.state_within(
        found.session.id, secret, address=None, wait=wait, ended=ended or never
    )
    return word


async def close(house: House, found: OpenedLink, how: str) -> None:
    """Close the session in one of its ways."""
    session, recordings = found.session, house.vault.recordings.recordings
    where = session.account_id, session.recording_id
    if how == "revoked":
        await house.vault.playback.links.revoke(*where, session.link_id, **ME)
    elif how == "restricted":
        await recordings.restrict(*where, restricted=True, reason="r", **ME)
    elif how == "erased":
        await recordings.erase(*where, **ME)
    else:
        past = sessions.update().where(sessions.c.id == session.id).values(ends_at=datetime.now(UTC))
        await house.database.write(lambda tx: tx.connection.execute(past) and None)


async def until_waiting(house: House, number: int) -> None:
    """Return as soon as so many requests wait."""
    closing = house.vault.playback.open_links.closing
    while len(closing._waiting.waiters) != number:
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("how", ENDS)
async def test_each_end_is_heard(either: House, how: str):
    """At once, and another session waits on."""
    first, other = await listening(either), await listening(either, "rec-2")
    waiting, others = (
        asyncio.create_task(state(either, one, wait=timedelta(hours=1))) for one in (first, other)
    )
    await until_waiting(either, 2)
    await close(either, first, how)
    assert await asyncio.wait_for(waiting, 30) == how
    assert not others.done()
    await close(either, other, "revoked")
    assert await asyncio.wait_for(others, 30) == "revoked"
    assert not either.vault.playback.open_links.closing._waiting.places


async def test_its_own_end_is_heard(either: House):
    """Nothing of it changes then."""
    found = await listening(either)
    soon = sessions.update().values(ends_at=datetime.now(UTC) + timedelta(seconds=1))
    await either.database.write(lambda tx: tx.connection.execute(soon) and None)
    assert await state(either, found, wait=timedelta(hours=1)) in {"open", "ended"}


async def test_a_wait_is_bounded(either: House):
    """In time, in number and by its caller; one too many is answered at once."""
    found, ended = await listening(either), asyncio.get_running_loop().create_future()
    assert await state(either, found, wait=timedelta(seconds=0.05)) == "open"
    waiting = [
        asyncio.create_task(state(either, found, wait=MAX_WAIT, ended=ended)) for _ in range(OF_SESSION)
    ]
    await until_waiting(either, OF_SESSION)
    assert await asyncio.wait_for(state(either, found, wait=timedelta(hours=1)), 5) == "open"
    ended.set_result(None)
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == ["open"] * OF_SESSION
    await close(either, found, "revoked")
    assert await asyncio.wait_for(state(either, found, wait=timedelta(hours=1)), 5) == "revoked"
    with pytest.raises(NotFound):
        await either.vault.playback.open_links.state_within(
            found.session.id, "x", address=None, wait=timedelta(hours=1), ended=ended
        )


async def test_all_that_wait_share_one_look(either: House, monkeypatch: pytest.MonkeyPatch):
    """One read at a time, however many wait, and they hold nothing between two."""
    reads, read = 0, type(either.database).read

    async def counted(database: Any, function: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(database, function)

    several = [await listening(either, f"rec-{one}") for one in range(3)]
    waiting = [asyncio.create_task(state(either, one, wait=timedelta(hours=1))) for one in several]
    await until_waiting(either, 3)
    monkeypatch.setattr(type(either.database), "read", counted)
    begun = asyncio.get_running_loop().time()
    while reads < 20:
        await asyncio.sleep(0.01)
    assert reads <= (asyncio.get_running_loop().time() - begun) / 0.01 + 1
    for one in several:
        await close(either, one, "revoked")
    assert await asyncio.gather(*waiting) == ["revoked"] * 3
