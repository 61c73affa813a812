"""What a closure erases beside recordings, and what it waits for.

A closure whose key cannot be used beside requests of other people.

A closed account gives nobody a permission, and those of before are over: also links that nobody has opened yet.

The receipt of a closure, as the command and the console's page verify it: it counts, and names no recording.
"""

from datetime import timedelta
from pathlib import Path

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
    receipt,
    recorded,
)
from tests.services.requests.proving import KEY, closed
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.link_keys import registered
from tests.support.link_minter import Minter
from tests.support.listening import recording_of
from tests.support.parties import tell
from tests.support.permissions import link_wish, permitted
from tests.support.retention import place
from tests.support.service_house import House
from vault.cli.receipt import verify_receipt_file
from vault.database.schema.requests import person_requests
from vault.database.stores.requests.requests import RequestRow
from vault.domain.recordings.recording import GONE, State
from vault.domain.requests.request import Request, RequestState
from vault.errors import NotFound, OwnKeyUnusable, Refused, VaultError
from vault.services.requests import close_account
from vault.services.requests.sealed_requests import SealedRequests
from vault.web.console.audit_log import log


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


async def test_a_closure_that_cannot_begin_stops_no_other_account(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """Its key cannot be used, as where a customer took an own one back: it is tried again later."""
    await recorded(either, "call-1")
    await closing(either)
    request = await ask(either, asks("restriction"))
    await decide(either, request.request.id, "restricted")
    job = either.vault.jobs.execute_requests
    opened = SealedRequests.open

    async def unusable(self: SealedRequests, row: RequestRow) -> Request:
        if row.request.kind == "closure":
            raise OwnKeyUnusable("The account's own key cannot be used.")
        return await opened(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(SealedRequests, "open", unusable)
        assert await carried_out(either, request.request.id) is RequestState.FULFILLED
        assert not await job()
        assert await either.database.read(lambda tx: tx.closures.next_try()) is not None
    assert (await either.vault.requests.closures.read(either.account.id)).state is RequestState.REVIEW
    assert await work(either) is RequestState.FULFILLED


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


async def _closure_receipt(house: House, folder: Path) -> Path:
    for call_ref in ("call-1", "call-2"):
        await recorded(house, call_ref)
    closure = await closing(house)
    assert await work(house) is RequestState.FULFILLED
    file = folder / "receipt.json"
    file.write_bytes(await receipt(house, closure))
    return file


async def test_the_command_and_the_page_verify_the_receipt_of_a_closure(
    either: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Both say how many recordings were erased, and the command what else the closure ended."""
    file = await _closure_receipt(either, tmp_path)
    verify_receipt_file(file, key=KEY)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:6] == [
        "recordings   2 erased, 0 left",
        "calls        0 left",
        "export       none",
        "keys         destroyed: 1",
    ]
    assert "recordings: 2;" in log._verify({"file": file.read_bytes()}, KEY)
    with pytest.raises(VaultError, match="leave out --number"):
        verify_receipt_file(file, key=KEY, number=PERSON)


async def test_the_command_and_the_page_count_the_recordings_of_a_person_alike(
    house: House, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A person's receipt names its recordings; their number is that of the lines."""
    file = tmp_path / "receipt.json"
    file.write_bytes(await closed(house))
    verify_receipt_file(file, key=KEY, number=PERSON)
    shown = capsys.readouterr().out.count("recording    ")
    assert shown > 0
    assert f"recordings: {shown};" in log._verify({"file": file.read_bytes()}, KEY)
