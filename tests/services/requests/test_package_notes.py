"""Notes in packages: what listeners wrote down of a call is about its parties."""

import json

from tests.services.requests.people import OTHER, PERSON, ask, asks, carried_out, decide
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.service_house import House
from vault.domain.playback.note import NoteContent
from vault.domain.requests.request import RequestState


async def test_a_package_has_what_listeners_wrote_down_of_a_call(house: House):
    """The notes of every author are there, in the order of their moments, and nothing says who did."""
    recording_id = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    for author, at, text in (("per_1", 0.5, "asks for a refund"), ("key_2", 0.25, None)):
        content = NoteContent(at=at, text=text)
        await house.vault.playback.own_notes.add(house.account.id, recording_id, content, author=author)
    view = await ask(house, asks("access"))
    await decide(house, view.request.id, "provided")
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    text = (await package(house, view.request.id)).read(f"recordings/{recording_id}/notes.json").decode()
    told = [(one["at_seconds"], one["text"]) for one in json.loads(text)]
    assert told == [(0.25, None), (0.5, "asks for a refund")]
    assert "per_1" not in text
    assert "key_2" not in text
