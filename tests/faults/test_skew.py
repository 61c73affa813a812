"""Clocks that go wrong: one node is minutes ahead, behind, or in another year. Leases and time limits hold.

Where the two clocks disagree, what is limited in time ends by the one that ends it sooner.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.support.counts import count
from tests.support.service_house import AUDIO, House, another_node, new_house
from vault.database.schema.core import links, sessions
from vault.domain.playback.link import session_length
from vault.domain.recordings.recording import State
from vault.errors import NotAuthentic, NotFound
from vault.services.playback.link_request import LinkRequest
from vault.services.playback.open_links import OpenedLink
from vault.thread_pools import Threads
from vault.tlog.checkpoint import open_checkpoint

pytestmark = [pytest.mark.faults]

WRONG = [timedelta(minutes=10), timedelta(minutes=-10), timedelta(days=400), timedelta(hours=-1)]
_LIFE = timedelta(minutes=15)
_WISH = LinkRequest(listener="Kim", kind="player", life=_LIFE, sessions=1000)
_ME = {"actor": "key_test"}
IDS = ["ten minutes ahead", "ten minutes behind", "400 days ahead", "an hour behind"]


@pytest.fixture
async def house(tmp_path: Path, threads: Threads) -> AsyncIterator[House]:
    """A node whose clock is right."""
    async with new_house(tmp_path, threads) as made:
        yield made


@pytest.fixture(params=WRONG, ids=IDS)
def wrong(request: pytest.FixtureRequest, house: House, tmp_path: Path, threads: Threads) -> House:
    """Another node of the same vault, whose clock is wrong."""
    off: timedelta = request.param
    return another_node(house, tmp_path, threads, clock=lambda: datetime.now(UTC) + off)


async def test_a_lease_is_that_of_the_database(house: House, wrong: House) -> None:
    """A node in another year takes no work that another one holds, and holds its own for as long as all do."""
    recording_id = (await house.announce()).recording_id
    working = await house.fetching()
    assert not await wrong.vault.jobs.ingest()
    house.go_on()
    assert await working
    # It held it to the end: one lease goes from the fetch through the gate.
    assert await house.state(recording_id) is State.AVAILABLE
    assert not await wrong.vault.jobs.ingest()


async def test_what_is_being_sent_survives_a_sweep(house: House, wrong: House) -> None:
    """A sweep by a wrong clock takes no object from an attempt that is on its way."""
    recording_id = (await house.announce()).recording_id
    assert recording_id is not None
    writer = await house.objects.create("recordings/acct/rec/attempt")
    await wrong.vault.jobs.sweep()
    await writer.write(b"of an attempt that is on its way")
    assert await writer.finish()
    await house.settle(recording_id)
    await wrong.vault.jobs.sweep()
    assert await house.settle(recording_id) is State.AVAILABLE
    assert await house.heard(recording_id) == AUDIO


async def test_the_log_goes_on_after_a_checkpoint_of_another_year(house: House, wrong: House) -> None:
    """A node that is ahead signs; the others sign what grows after it, and serve it."""
    await replace(wrong.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    await house.announce()
    recording_id = (await house.announce("rec-2")).recording_id
    assert recording_id is not None
    await house.settle(recording_id)
    size = await house.database.read(lambda tx: tx.tree.head().size)
    assert await replace(house.vault.jobs.log_publisher, sign_interval=timedelta(0)).sign()
    note = await replace(house.vault.audit_log.proofs, max_checkpoint_age=timedelta(0)).checkpoint()
    assert open_checkpoint(note, [house.vault.audit_log.proofs.signer.verifier]).size == size


async def _available(house: House) -> str:
    recording_id = (await house.announce()).recording_id
    assert recording_id is not None
    await house.settle(recording_id)
    return recording_id


async def _open(house: House, token: str, nonce: str = "n") -> OpenedLink:
    return await house.vault.playback.open_links.open(token, nonce=nonce, address=None, agent="a browser")


async def _age(house: House, table: Any, column: str, row_id: str, by: timedelta) -> None:
    """Let an end lie so long ago by the right clock."""
    over = update(table).where(table.c.id == row_id).values({column: datetime.now(UTC) - by})
    await house.database.write(lambda tx: tx.connection.execute(over) and None)


async def test_a_link_that_is_over_opens_on_no_node(house: House, wrong: House) -> None:
    """However far a node is behind, it opens no link whose time is over by the database's clock."""
    ages = count("ages of a link that is over", small=3, full=60)
    recording_id = await _available(house)
    for number in range(ages):
        link, token = await house.vault.playback.links.create(house.account.id, recording_id, _WISH, **_ME)
        await _age(house, links, "expires_at", link.id, timedelta(seconds=1 + number * 5))
        for node in (house, wrong):
            with pytest.raises(NotFound):
                await node.vault.playback.open_links.preview_link(token.text, address=None)
            with pytest.raises(NotFound):
                await _open(node, token.text, f"{number}")


async def test_a_link_lives_no_longer_than_it_was_made_for(house: House, wrong: House) -> None:
    """However far the node that makes it is ahead, it ends its life after its making by the database's clock."""
    made = count("links that a wrong clock made", small=3, full=60)
    recording_id = await _available(house)
    for _ in range(made):
        link, _ = await wrong.vault.playback.links.create(house.account.id, recording_id, _WISH, **_ME)
        assert link.expires_at <= datetime.now(UTC) + _LIFE


async def test_a_session_that_is_over_plays_on_no_node(house: House, wrong: House) -> None:
    """A session whose end has passed is not found, and what plays in it gets no window more."""
    ages = count("ages of a session that is over", small=3, full=60)
    recording_id = await _available(house)
    _, token = await house.vault.playback.links.create(house.account.id, recording_id, _WISH, **_ME)
    for number in range(ages):
        opened = await _open(house, token.text, f"{number}")
        found = await house.vault.playback.open_links.find(opened.session.id, opened.secret.text)
        sounds = [
            (one, await one.vault.playback.audio.for_session(found.session, found.recording))
            for one in (house, wrong)
        ]
        await _age(house, sessions, "ends_at", found.session.id, timedelta(seconds=1 + number * 5))
        for node, sound in sounds:
            with pytest.raises(NotFound):
                await node.vault.playback.open_links.find(opened.session.id, opened.secret.text)
            with pytest.raises(NotFound):
                await node.vault.playback.audio.stream(sound, 0, sound.size)


async def test_a_session_lasts_no_longer_than_it_may(house: House, wrong: House) -> None:
    """A wrong clock opens none that ends later than a right one would let it."""
    opens = count("sessions that a wrong clock opened", small=3, full=60)
    recording_id = await _available(house)
    _, token = await house.vault.playback.links.create(house.account.id, recording_id, _WISH, **_ME)
    for number in range(opens):
        try:
            opened = await _open(wrong, token.text, f"{number}")
        except NotFound:
            # By its own clock the link is over already: that is the safe side.
            continue
        assert opened.session.ends_at <= datetime.now(UTC) + session_length(None)


async def test_what_a_node_behind_makes_is_not_over_already(house: House, wrong: House) -> None:
    """A link that any node makes opens on a right one, and a session that any node opens plays on a right one."""
    recording_id = await _available(house)
    link, token = await wrong.vault.playback.links.create(house.account.id, recording_id, _WISH, **_ME)
    assert link.expires_at > datetime.now(UTC) + _LIFE - timedelta(minutes=1)
    await house.vault.playback.open_links.preview_link(token.text, address=None)
    try:
        opened = await _open(wrong, token.text)
    except NotFound:
        # By the clock of a node that is far ahead the link is over, and none of its sessions is used up.
        opened = await _open(house, token.text)
    found = await house.vault.playback.open_links.find(opened.session.id, opened.secret.text)
    sound = await house.vault.playback.audio.for_session(found.session, found.recording)
    assert (
        b"".join([block async for block in await house.vault.playback.audio.stream(sound, 0, sound.size)])
        == AUDIO
    )


async def test_a_session_that_plays_has_no_last_word(house: House, wrong: House) -> None:
    """A node that is ahead does not take a session for over that others still play."""
    _, token = await house.vault.playback.links.create(
        house.account.id, await _available(house), _WISH, **_ME
    )
    await _open(house, token.text)
    assert not await wrong.vault.jobs.end_sessions()


async def test_what_is_revoked_is_revoked_on_every_node(house: House, wrong: House) -> None:
    """A link or a key that either node revoked opens nothing on the other, whatever their clocks say."""
    pairs = count("links and keys that the other node revoked", small=3, full=60)
    recording_id = await _available(house)
    for number in range(pairs):
        here, there = (house, wrong) if number % 2 else (wrong, house)
        link, token = await here.vault.playback.links.create(house.account.id, recording_id, _WISH, **_ME)
        key, text = await here.vault.accounts.api_keys.issue(name="k", scopes=["*"], account_id=None, **_ME)
        assert (await there.vault.accounts.api_keys.authenticate(text.text)).id == key.id
        await there.vault.playback.links.revoke(house.account.id, recording_id, link.id, **_ME)
        await there.vault.accounts.api_keys.revoke(key.id, account_id=None, **_ME)
        for node in (here, there):
            with pytest.raises(NotFound):
                await _open(node, token.text)
            with pytest.raises(NotAuthentic):
                await node.vault.accounts.api_keys.authenticate(text.text)
