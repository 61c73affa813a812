"""What a closure erases beside recordings, and what it waits for."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.services.requests.closures import closing, work
from tests.services.requests.people import (
    ACTOR,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    call,
    carried_out,
    decide,
    hurry,
    recorded,
)
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.parties import tell
from tests.support.service_house import House
from vault.database.schema.requests import person_requests
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import RequestState
from vault.services.requests import close_account


async def test_a_closure_keeps_refusals_alone_of_the_answers_of_parties(either: House):
    """Also of calls whose facts were erased before, and of calls without facts."""
    for ref in ("erased", "deleted", "no recording"):
        await (call if ref == "no recording" else recorded)(either, ref)
        await tell(either, "accepted", call=ref)
    await tell(either, "accepted", call="unknown")
    await either.vault.recordings.calls.erase(either.account.id, "deleted", actor=ACTOR)
    await call(either, "refused")
    await tell(either, "declined", call="refused")
    await closing(either)
    assert await work(either) is RequestState.FULFILLED
    left = await either.database.read(lambda tx: tx.consents.calls(either.account.id, after="", limit=10))
    assert left == ["refused"]


async def test_a_closure_waits_for_a_package_that_is_decided(either: House):
    """The request waits for a retry, and gets its package before anything is erased."""
    recording_id, access = await _waiting_access(either)
    assert await either.state(recording_id) is State.AVAILABLE
    assert await carried_out(either, access) is RequestState.FULFILLED
    assert await work(either) is RequestState.FULFILLED
    assert await either.state(recording_id) is State.ERASED
    files = await package(either, access)
    assert f"recordings/{recording_id}/audio.wav" in files.namelist()


async def test_a_closure_does_not_wait_for_a_package_for_ever(either: House, monkeypatch: pytest.MonkeyPatch):
    """Some can never be made."""
    monkeypatch.setattr(close_account, "PACKAGES_WAIT", timedelta())
    recording_id, _ = await _waiting_access(either)
    assert await either.state(recording_id) in GONE


async def _waiting_access(house: House) -> tuple[str, str]:
    """Let a closure take its steps while a decided request for access waits; return the recording and the request."""
    recording_id = await stereo_call(house, "call-1", caller=PERSON, callee=OTHER)
    access = (await ask(house, asks("access"))).request.id
    await decide(house, access, "provided")
    closure = await closing(house)
    mine = update(person_requests).where(person_requests.c.id == access)
    for _ in range(3):
        await hurry(house)
        await house.database.write(
            lambda tx: tx.connection.execute(mine.values(next_try_at=ago(days=-1))) and None
        )
        await house.vault.jobs.execute_requests()
    assert (await house.vault.requests.closures.read(house.account.id)).id == closure
    return recording_id, access
