"""Extensions: behind one number are several people, and a search finds the number alone."""

import pytest

from tests.services.requests.people import OTHER, ask, asks, carried_out, decide, recorded
from tests.services.requests.stereo_calls import stereo_call
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.errors import Invalid, Refused

SWITCHBOARD = "+33123456789"


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
