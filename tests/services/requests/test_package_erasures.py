"""What is erased on an order is in no package of a person any more; what is erased by time stays until it expires."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import (
    ACTOR,
    OTHER,
    PERSON,
    ago,
    ask,
    asks,
    carried_out,
    decide,
    hurry,
)
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.parties import set_policy, tell
from tests.support.restoring import backed_up, house_over, settle_journal, write_all
from tests.support.retention import kept, place, release, set_retention
from tests.support.service_house import House
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState, Verdict
from vault.errors import NotFound
from vault.services.lifecycle import lifecycle
from vault.services.requests import package_files
from vault.services.requests.package_contents import PackageContents
from vault.thread_pools import Threads


async def both(house: House, ref: str = "call-1") -> str:
    """Let a call of PERSON with OTHER be recorded; return the recording's id."""
    return await stereo_call(house, ref, caller=PERSON, callee=OTHER)


async def given(house: House, *, number: str = PERSON, code: str = "provided") -> str:
    """Carry out a request for access; return its id."""
    view = await ask(house, asks("access", numbers=((number, None),), reference=f"access of {number}"))
    await decide(house, view.request.id, code)
    assert await carried_out(house, view.request.id) is RequestState.FULFILLED
    assert await audio_in(house, view.request.id)
    return view.request.id


async def audio_in(house: House, request_id: str, *, part: int = 1) -> set[str]:
    """Return the recordings of which a part of a package has audio."""
    files = await package(house, request_id, part=part)
    return {name.split("/")[1] for name in files.namelist() if name.endswith("audio.wav")}


async def audio_in_all(house: House, request_id: str) -> set[str]:
    """Return the recordings of which the parts of a package have audio; they are numbered from 1."""
    parts = await house.vault.requests.packages.parts(house.account.id, request_id)
    assert [one.part for one in parts] == list(range(1, len(parts) + 1))
    return set[str]().union(*[await audio_in(house, request_id, part=one.part or 1) for one in parts])


async def is_gone(house: House, request_id: str) -> bool:
    """Return whether the package of a request is deleted, on record and with its object."""
    try:
        await house.vault.requests.packages.parts(house.account.id, request_id)
    except NotFound:
        await house.vault.jobs.log_publisher.sequence()
        await replace(house.vault.requests.packages, grace=timedelta(minutes=-1)).delete_expired()
        left = [key for key in house.objects.objects if key.startswith("packages/") and request_id in key]
        return "export.deleted" in await house.events() and not left
    return False


async def test_an_erasure_deletes_the_package_of_the_other_party(either: House):
    """It has the voice of the person whose recording was erased."""
    await both(either)
    others = await given(either, number=OTHER, code="provided_whole")
    erasure = await ask(either)
    await decide(either, erasure.request.id)
    assert await carried_out(either, erasure.request.id) is RequestState.FULFILLED
    assert await is_gone(either, others)


async def test_a_verdict_on_one_recording_deletes_the_persons_package(either: House):
    """Also where the rest is kept."""
    recording_id = await both(either)
    own = await given(either)
    erasure = await ask(either)
    await decide(
        either, erasure.request.id, "kept_claims", verdicts={recording_id: Verdict(code="erased")}, reason="x"
    )
    await carried_out(either, erasure.request.id)
    assert await is_gone(either, own)


async def _delete_recording(house: House, recording_id: str) -> None:
    await house.vault.recordings.recordings.erase(house.account.id, recording_id, actor=ACTOR)


async def _delete_call(house: House, _: str) -> None:
    await house.vault.recordings.calls.erase(house.account.id, "call-1", actor=ACTOR)


async def _withdraw(house: House, _: str) -> None:
    await set_policy(house, withdrawal="erase")
    await tell(house, "withdrawn", call="call-1")


async def _erase_after_a_hold(house: House, recording_id: str) -> None:
    held = await place(house, recordings=[recording_id])
    erasure = await ask(house, asks(numbers=((PERSON, None),), reference="held"))
    await decide(
        house, erasure.request.id, "kept_claims", verdicts={recording_id: Verdict(code="erased")}, reason="x"
    )
    await carried_out(house, erasure.request.id)
    assert await house.state(recording_id) is State.AVAILABLE
    await release(house, held.hold.id, at_once=True)
    for _ in range(2):
        await house.vault.jobs.retention_sweep()


@pytest.mark.parametrize("erase", [_delete_recording, _delete_call, _withdraw, _erase_after_a_hold])
async def test_each_order_to_erase_deletes_the_package(
    either: House, erase: Callable[[House, str], Awaitable[None]]
):
    """In the transaction that erases."""
    recording_id = await both(either)
    own = await given(either)
    await erase(either, recording_id)
    assert await either.state(recording_id) in {State.ERASING, State.ERASED}
    assert await is_gone(either, own)


async def test_what_retention_erases_stays_in_a_package(either: House):
    """Otherwise an answer vanishes before it is fetched."""
    recording_id = await both(either)
    own = await given(either)
    await set_retention(either, kept(period="P1D"))
    await either.set(recording_id, received_at=ago(days=30), call_started_at=ago(days=30))
    await either.vault.jobs.apply_policies()
    for _ in range(2):
        await either.vault.jobs.retention_sweep()
    assert await either.state(recording_id) in {State.ERASING, State.ERASED}
    assert await audio_in(either, own) == {recording_id}


async def test_what_a_closure_erases_stays_in_its_export_and_in_packages(either: House):
    """Both are to outlive the account."""
    recording_id = await both(either)
    own = await given(either)
    closure = await closing(either, export=True)
    assert await work(either) is RequestState.FULFILLED
    assert await either.state(recording_id) is State.ERASED
    assert await audio_in(either, closure) == {recording_id}
    assert await audio_in(either, own) == {recording_id}


async def test_a_recording_erased_while_its_package_is_made_is_not_in_it(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """The part is made again."""
    erased, other = await both(either), await both(either, "call-2")
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    whole = PackageContents.consultations

    async def late(self: PackageContents, account_id: str, recording_id: str) -> object:
        if recording_id == erased and await either.state(erased) is State.AVAILABLE:
            await _delete_recording(either, erased)
        return await whole(self, account_id, recording_id)

    monkeypatch.setattr(PackageContents, "consultations", late)
    await carried_out(either, view.request.id)
    assert await audio_in(either, view.request.id) == {other}


async def test_a_part_waits_for_an_erasure_that_is_not_committed(either: House):
    """Else each would miss the other: the erasure no row of the part, the part no erased recording."""
    recording_id = await both(either)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    begun, go = threading.Event(), threading.Event()

    def erase(tx: Transaction) -> None:
        tx.lock_account_and_call(either.account.id, "call-1")
        lifecycle.erase(tx, either.account.id, recording_id, actor=ACTOR, at=tx.now())
        begun.set()
        go.wait(30)

    erasing = asyncio.create_task(either.vault.database.write(erase))
    await asyncio.to_thread(begun.wait, 30)
    making = asyncio.create_task(either.vault.jobs.execute_requests())
    # Enough for a part that does not wait.
    await asyncio.wait({making}, timeout=1)
    go.set()
    await asyncio.gather(erasing, making)
    await carried_out(either, view.request.id)
    assert await audio_in(either, view.request.id) == set()


async def test_a_package_of_several_parts_begins_again(either: House, monkeypatch: pytest.MonkeyPatch):
    """When a recording of a former part is erased, without that."""
    monkeypatch.setattr(package_files, "MAX_PART_BYTES", 1)
    ids = [await both(either, f"call-{number}") for number in range(3)]
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    for _ in range(2):
        await hurry(either)
        await either.vault.jobs.execute_requests()
    assert len(await either.vault.requests.packages.parts(either.account.id, view.request.id)) == 2
    (first,) = await audio_in(either, view.request.id)
    await _delete_recording(either, first)
    with pytest.raises(NotFound):
        await either.vault.requests.packages.parts(either.account.id, view.request.id)
    await carried_out(either, view.request.id)
    assert await audio_in_all(either, view.request.id) == {*ids} - {first}


async def test_a_part_is_not_written_behind_parts_that_were_deleted(
    either: House, monkeypatch: pytest.MonkeyPatch
):
    """A recording of the first part is erased while the second is made."""
    monkeypatch.setattr(package_files, "MAX_PART_BYTES", 1)
    ids = [await both(either, f"call-{number}") for number in range(2)]
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await either.vault.jobs.execute_requests()
    (first,) = await audio_in(either, view.request.id)
    whole = PackageContents.consultations

    async def late(self: PackageContents, account_id: str, recording_id: str) -> object:
        if await either.state(first) is State.AVAILABLE:
            await _delete_recording(either, first)
        return await whole(self, account_id, recording_id)

    monkeypatch.setattr(PackageContents, "consultations", late)
    await carried_out(either, view.request.id)
    assert await audio_in_all(either, view.request.id) == {*ids} - {first}


@pytest.mark.parametrize("settled", [False, True], ids=["in the journal", "settled"])
async def test_an_old_backup_brings_no_package_back(
    either: House, request: pytest.FixtureRequest, tmp_path: Path, threads: Threads, settled: bool
):
    """It has the package, and its recording is erased since."""
    recording_id = await both(either)
    own = await given(either)
    await write_all(either)
    async with backed_up(either, request, tmp_path, threads) as (later, old):
        await _delete_recording(later, recording_id)
        await later.settle(recording_id)
        if settled:
            await settle_journal(later)
        async with house_over(later, old, threads) as late:
            assert await late.vault.requests.packages.parts(late.account.id, own)
            await late.vault.backup.restore(actor="operator")
            assert await late.state(recording_id) in {State.ERASING, State.ERASED}
            with pytest.raises(NotFound):
                await late.vault.requests.packages.parts(late.account.id, own)
