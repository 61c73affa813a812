"""A name is one however it is written: what finds a person's recordings, and what ends a listener's links.

Extensions: behind one number are several people, and a search finds the number alone.
"""

from datetime import timedelta

import pytest

from tests.services.requests.people import ACTOR, OTHER, ask, asks, carried_out, decide, recorded
from tests.services.requests.stereo_calls import stereo_call
from tests.support.service_house import House
from vault.domain.recordings.recording import GONE, RecordingFilter, State
from vault.domain.requests.request import RequestState
from vault.errors import Invalid, Refused
from vault.services.admission import number_terms
from vault.services.playback.link_request import LinkRequest
from vault.services.shared.encrypted_fields import search_term

NAME = "José Ruiz"
SPELLINGS = (NAME, "Jose\u0301 Ruiz", "JOSÉ RUIZ", "José Ruiz ", "José  Ruiz")
SWITCHBOARD = "+33123456789"


@pytest.mark.parametrize("asked", SPELLINGS[:2], ids=["composed", "decomposed"])
async def test_an_erasure_of_an_agent_leaves_no_spelling(either: House, asked: str):
    """Wrong: fulfilled, and recordings of the same name in another form of Unicode stay."""
    mine = [await recorded(either, f"c{n}", agent=name) for n, name in enumerate(SPELLINGS)]
    other = await recorded(either, "other", agent="Jose Ruiz")
    request = (await ask(either, asks(numbers=(), agents=(asked,)))).request
    await decide(either, request.id)
    assert await carried_out(either, request.id) is RequestState.FULFILLED
    assert {await either.state(one) in GONE for one in mine} == {True}
    assert await either.state(other) not in GONE


async def test_what_an_earlier_release_stored_is_found_as_it_is_written(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """It compared capitals alone, so its keyed hash of a name with two spaces is another one."""
    with monkeypatch.context() as patch:
        patch.setattr(number_terms, "name_term", search_term)
        await recorded(either, "old", agent=SPELLINGS[-1])
    found = await either.vault.recordings.recordings.page(
        either.account.id, RecordingFilter(), number=None, agent=SPELLINGS[-1].upper(), before=None, limit=9
    )
    assert [view.recording.call_ref for view in found] == ["old"]


async def test_the_links_of_a_listener_end_in_every_spelling(either: House):
    """An agent who leaves has links made by several systems."""
    recording_id = await recorded(either, "call")
    for name in SPELLINGS:
        wish = LinkRequest(listener=name, kind="player", life=timedelta(hours=1), sessions=5)
        await either.vault.playback.links.create(either.account.id, recording_id, wish, actor=ACTOR)
    ended = await either.vault.playback.links.revoke_all(
        either.account.id, recording_id=None, listener=NAME, actor=ACTOR
    )
    assert ended == len(SPELLINGS)


@pytest.mark.parametrize("extension", [";ext=12", "x12", " ext 12", ",12"])
async def test_an_identity_with_an_extension_is_refused(either: House, extension: str):
    """Otherwise the request would be about everybody behind the switchboard."""
    numbers = ((OTHER, None), (f"{SWITCHBOARD}{extension}", None))
    with pytest.raises(Invalid, match="Extensions cannot be searched: send the number without") as refused:
        await ask(either, asks(numbers=numbers))
    assert refused.value.field == "identities.1.value"
    assert SWITCHBOARD not in str(refused.value)


async def test_a_call_to_an_extension_is_not_certainly_that_of_the_number(either: House):
    """It is found, so that somebody decides; its channel is not given by itself."""
    recording_id = await stereo_call(either, "call-1", caller=OTHER, callee=f"{SWITCHBOARD};ext=15")
    view = await ask(either, asks("access", numbers=((SWITCHBOARD, None),)))
    assert view.found is not None
    assert [one.id for one in view.found.recordings] == [recording_id]
    with pytest.raises(Refused) as waits:
        await decide(either, view.request.id, "provided")
    assert waits.value.reasons == ("review_needed",)


async def test_an_erasure_by_the_number_erases_the_calls_of_its_extensions(either: House):
    """The account says by leaving the extension out that all calls are this person's."""
    erased = [
        await recorded(either, "call-1", caller=f"{SWITCHBOARD};ext=15"),
        await recorded(either, "call-2", caller=SWITCHBOARD),
    ]
    view = await ask(either, asks(numbers=((SWITCHBOARD, None),)))
    await decide(either, view.request.id)
    await carried_out(either, view.request.id)
    assert [await either.state(one) for one in erased] == [State.ERASED] * 2
