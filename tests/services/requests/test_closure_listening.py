"""A closed account gives nobody a permission, and those of before are over: also links that nobody has opened yet."""

import pytest

from tests.services.requests.closures import closing, work
from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.listening import recording_of
from tests.support.permissions import link_wish, permitted
from tests.support.retention import place
from tests.support.service_house import House
from vault.domain.requests.request import RequestState
from vault.errors import NotFound, Refused


async def test_a_closure_ends_all_listening_and_gives_nothing_new(either: House):
    """What a hold keeps stays available; by no link, own or signed, opened or not, is it heard any more."""
    recording = await recording_of(either, "Kim")
    await place(either, recordings=[recording])
    before = await permitted(either, recording)
    await closing(either)
    assert await work(either) is RequestState.EXECUTING
    assert str(await either.state(recording)) == "available"
    assert await before.alive(either) == set()
    for token in (before.minter.token(recording), before.minter.token(recording, knd="media")):
        with pytest.raises(NotFound):
            await either.vault.playback.open_links.preview_link(token, address=None)
    with pytest.raises(Refused) as refused:
        await either.vault.playback.links.create(either.account.id, recording, link_wish(), actor="key_test")
    assert refused.value.reasons == ("account_closed",)
    with pytest.raises(Refused) as refused:
        await registered(either, Minter(), "other")
    assert refused.value.reasons == ("account_closed",)
    assert await either.vault.playback.link_keys.list(either.account.id) == []
