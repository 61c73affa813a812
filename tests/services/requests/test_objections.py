"""A granted objection enters the numbers of the person: later calls are refused, also while an erasure waits."""

import pytest

from tests.services.requests.people import (
    PERSON,
    ask,
    asks,
    call,
    carried_out,
    decide,
    recorded,
)
from tests.support.service_house import House
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
from vault.errors import Unavailable
from vault.services.requests.erase_decided import EraseDecided


async def test_an_objection_restricts_and_enters_the_number(house: House):
    """What is stored is restricted, and later calls of the number are refused."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house, asks("objection"))
    await decide(house, view.request.id, "restricted")
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    assert (await house.row(recording_id)).restricted
    assert await house.vault.consent.objections.history(house.account.id, PERSON)
    await call(house, "call-2")
    later = (await house.announce("rec-2", call_ref="call-2")).recording_id
    assert await house.settle(later) is State.REFUSED


async def test_an_objection_is_entered_before_what_may_take_long(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """Calls go on while the object store cannot be reached, and the erasure waits for it."""
    await recorded(house, "call-1")
    view = await ask(house, asks("objection"))
    await decide(house, view.request.id, "erased")

    async def no_store(*_: object) -> None:
        raise Unavailable("The object store cannot be reached.")

    monkeypatch.setattr(EraseDecided, "__call__", no_store)
    await house.vault.jobs.execute_requests()
    view = await house.vault.requests.requests.read(house.account.id, view.request.id)
    assert view.request.state is RequestState.EXECUTING
    assert await house.vault.consent.objections.history(house.account.id, PERSON)


async def test_an_objection_that_is_refused_enters_nothing(house: House):
    """Compelling grounds: the recording stays as it is."""
    recording_id = await recorded(house, "call-1")
    view = await ask(house, asks("objection"))
    await decide(house, view.request.id, "kept_grounds", reason="We need it to defend a claim.")
    assert await carried_out(house, view.request.id) is RequestState.DENIED
    assert not (await house.row(recording_id)).restricted
    assert not await house.vault.consent.objections.history(house.account.id, PERSON)
