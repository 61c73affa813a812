"""A client's retry: what failed starts over, what waits is fetched now, and what is there or closed says so."""

import pytest

from tests.fakes.fetcher import Media
from tests.services.ingest.test_names_and_restarts import GONE_FOR_GOOD, NOT_YET, OTHER_AUDIO, OTHER_URL
from tests.support.service_house import AUDIO, URL, House, blocks_of
from vault.domain.recordings.recording import State
from vault.errors import Invalid, NotFound, RecordingErased, Refused

ME = {"actor": "key_test"}


async def retry(house: House, recording_id: str, url: str | None = None) -> None:
    """Ask for it."""
    await house.vault.ingest.retry(house.account.id, recording_id, url=url, **ME)


async def announced(house: House, state: State) -> str:
    """Return the id of a recording in this state."""
    recording_id = (await house.announce()).recording_id
    if state is not State.RECEIVED:
        house.fetcher.serve(URL, Media(refuse=NOT_YET if state is State.RETRY_WAIT else GONE_FOR_GOOD))
        await house.vault.jobs.ingest()
    assert await house.state(recording_id) is state
    return recording_id


@pytest.mark.parametrize("state", [State.RECEIVED, State.RETRY_WAIT, State.FAILED])
async def test_a_given_url_is_fetched_at_once(either: House, state: State):
    """In every state in which it has not arrived, without a wait, and under its id."""
    recording_id = await announced(either, state)
    either.fetcher.serve(OTHER_URL, Media(body=OTHER_AUDIO))
    await retry(either, recording_id, OTHER_URL)
    await either.vault.jobs.ingest()
    assert await either.state(recording_id) is State.AVAILABLE
    assert await either.heard(recording_id) == OTHER_AUDIO


@pytest.mark.parametrize("url", [None, URL])
async def test_what_waits_is_fetched_now_from_its_own_url(either: House, url: str | None):
    """Its backoff ends, also where the same URL is named."""
    recording_id = await announced(either, State.RETRY_WAIT)
    either.fetcher.serve(URL, Media(body=AUDIO))
    await retry(either, recording_id, url)
    await either.vault.jobs.ingest()
    assert await either.state(recording_id) is State.AVAILABLE


async def test_what_failed_needs_a_url(house: House):
    """The vault deleted it with the keys."""
    recording_id = await announced(house, State.FAILED)
    with pytest.raises(Invalid) as caught:
        await retry(house, recording_id)
    assert caught.value.field == "recording_url"
    assert await house.state(recording_id) is State.FAILED


@pytest.mark.parametrize(
    "url", ["http://media.example/x.wav", "ftp://media.example/x", "https://elsewhere@media.example/x", "x"]
)
async def test_a_url_that_can_never_be_fetched_is_refused(house: House, url: str):
    """Nothing is changed."""
    recording_id = await announced(house, State.FAILED)
    with pytest.raises(Invalid) as caught:
        await retry(house, recording_id, url)
    assert caught.value.field == "recording_url"
    assert await house.state(recording_id) is State.FAILED


async def test_what_arrived_is_not_fetched_again(house: House):
    """Neither with a URL nor without."""
    recording_id = (await house.announce()).recording_id
    await house.settle(recording_id)
    for url in (None, OTHER_URL):
        with pytest.raises(Refused) as caught:
            await retry(house, recording_id, url)
        assert caught.value.reasons == ("stored",)


async def test_what_is_closed_stays_closed(house: House):
    """A refusal and an erasure are final."""
    refused, erased = (await house.announce("a")).recording_id, (await house.announce("b")).recording_id
    await house.vault.recordings.recordings.erase(house.account.id, erased, **ME)
    for enabled in (False, True):
        await house.vault.accounts.switch.set(house.account.id, enabled=enabled, reason=None, **ME)
    with pytest.raises(RecordingErased):
        await retry(house, erased, OTHER_URL)
    with pytest.raises(Refused):
        await retry(house, refused, OTHER_URL)
    with pytest.raises(NotFound):
        await retry(house, "rec_0", OTHER_URL)


async def test_what_no_connection_announced_is_uploaded_again(house: House):
    """An upload, and a recording whose connection was deleted."""
    announced_id = await announced(house, State.RETRY_WAIT)
    uploaded, _ = await house.vault.ingest.uploads.store(
        house.account.id, "call-1", "up", blocks_of(b"no audio"), **ME
    )
    await house.vault.jobs.describe()
    with pytest.raises(Refused) as caught:
        await retry(house, uploaded.id, OTHER_URL)
    assert caught.value.reasons == ("uploaded",)
    await house.vault.accounts.connections.delete(house.account.id, "main", **ME)
    with pytest.raises(Refused) as caught:
        await retry(house, announced_id, OTHER_URL)
    assert caught.value.reasons == ("connection_deleted",)


async def test_the_switch_decides_on_what_starts_over(house: House):
    """Off refuses it for good, as it refuses what is announced for the first time."""
    recording_id = await announced(house, State.FAILED)
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, **ME)
    with pytest.raises(Refused) as caught:
        await retry(house, recording_id, OTHER_URL)
    assert caught.value.reasons[0] == "switch_off"
    assert await house.state(recording_id) is State.REFUSED
