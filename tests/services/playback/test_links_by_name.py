"""Signed links by the platform's names: they mean the recording that can be played, however it arrived."""

import pytest

from tests.fakes.fetcher import Media
from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.service_house import AUDIO, URL, House, blocks_of
from vault.domain.recordings.recording import State
from vault.errors import FetchFailed, NotFound
from vault.services.accounts.connections import ConnectionRequest

ME = {"actor": "key_test"}
OTHER_URL = "https://media.example/other.wav"


async def opens(house: House, minter: Minter, ref: str) -> str | None:
    """Return the id of the recording that a link by names opens; None if it opens none."""
    token = minter.token("", sub=None, ref=ref)
    try:
        found = await house.vault.playback.open_links.open(token, nonce="n", address="192.0.2.1", agent="")
    except NotFound:
        return None
    return found.session.recording_id


async def other_connection(house: House) -> None:
    """Let the house announce over a second connection with the same secret."""
    wish = ConnectionRequest(provider="platform", credentials={"secret": house.secret})
    connection, _, _ = await house.vault.accounts.connections.set(house.account.id, "other", wish, **ME)
    house.connection_id = connection.id


async def failed(house: House) -> str:
    """Announce a recording that cannot be fetched."""
    recording_id = (await house.announce("1", call_ref="a")).recording_id
    house.fetcher.serve(URL, Media(refuse=FetchFailed("The host answered 410.", final=True)))
    assert await house.settle(recording_id) is State.FAILED
    return recording_id


async def test_a_link_by_name_opens_the_recording_of_its_call(either: House):
    """Two calls number their recordings alike."""
    minter = await registered(either, Minter())
    for call in ("a", "b"):
        recording_id = (await either.announce("1", call_ref=call)).recording_id
        assert await either.settle(recording_id) is State.AVAILABLE
        assert await opens(either, minter, f"{call}/1") == recording_id


async def test_a_link_by_name_holds_over_an_upload(either: House):
    """What a webhook could not bring is uploaded."""
    minter = await registered(either, Minter())
    recording_id = await failed(either)
    assert await opens(either, minter, "a/1") is None
    await either.vault.ingest.uploads.store(either.account.id, "a", "1", blocks_of(AUDIO), **ME)
    assert await either.settle(recording_id) is State.AVAILABLE
    assert await opens(either, minter, "a/1") == recording_id


@pytest.mark.parametrize("both", [False, True])
async def test_of_two_connections_it_opens_the_one_that_can_be_played(either: House, both: bool):
    """Each connection has its own names: where both have one that plays, the names say nothing."""
    minter = await registered(either, Minter())
    first = await failed(either)
    if both:
        await either.announce("1", call_ref="a")
        assert await either.settle(first) is State.AVAILABLE
    await other_connection(either)
    second = (await either.announce("1", call_ref="a", url=OTHER_URL)).recording_id
    assert second != first
    assert await either.settle(second) is State.AVAILABLE
    assert await opens(either, minter, "a/1") == (None if both else second)
