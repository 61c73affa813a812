"""Requests of people survive a lost database and an old one: their pauses, decisions, deadlines, receipts.

The export of a closed account after a restore from the bucket, which has no packages.
"""

import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import (
    ACTOR,
    ago,
    ask,
    asks,
    carried_out,
    decide,
    hurry,
    receipt,
    recorded,
)
from tests.support.restoring import copied, empty_house, house_over, write_all
from tests.support.retention import place
from tests.support.rotation import finish, rotate
from tests.support.service_house import SIGNER, House
from vault.database.account_parts import requests as stored_requests
from vault.database.account_parts.requests import REQUESTS
from vault.database.engines.sqlite import SqliteDatabase
from vault.database.schema.requests import person_packages, person_requests
from vault.domain.recordings.recording import State
from vault.domain.requests.request import Extension, RequestState
from vault.domain.stored.request_rows import PREFIX, decode_request_envelope, location_of
from vault.errors import NotFound
from vault.services.backup import request_objects
from vault.thread_pools import Threads
from vault.tlog.receipt_file import verify_receipt


async def _several(house: House) -> dict[str, str]:
    """Enter a request that is paused, one that is extended, one that is decided, and one that is closed."""
    requests, account_id = house.vault.requests.requests, house.account.id
    paused = await ask(house, asks("access", regime="uk", reference="paused"))
    await requests.pause(account_id, paused.request.id, "clarification", actor=ACTOR)
    extended = await ask(house, asks("restriction", reference="extended"))
    assert extended.deadline.due_at is not None
    told = Extension(
        until=extended.deadline.due_at + timedelta(days=20), reason="many calls", told_at=ago(minutes=1)
    )
    await requests.extend(account_id, extended.request.id, told, actor=ACTOR)
    closed = await ask(house, asks("restriction", reference="closed"))
    await decide(house, closed.request.id, "kept_grounds", reason="It is needed.")
    await carried_out(house, closed.request.id)
    decided = await ask(house, asks(reference="decided"))
    await decide(house, decided.request.id)
    ids = {"paused": paused, "extended": extended, "closed": closed, "decided": decided}
    return {name: view.request.id for name, view in ids.items()}


async def test_the_bucket_alone_has_requests_with_deadlines_and_decisions(
    either: House, tmp_path: Path, threads: Threads
):
    """What was decided is carried out after the restore, and a receipt from before is still proven."""
    recording_id = await recorded(either, "call-1")
    ids = await _several(either)
    before = {
        name: await either.vault.requests.requests.read(either.account.id, id_) for name, id_ in ids.items()
    }
    await write_all(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        for name, id_ in ids.items():
            after = await late.vault.requests.requests.read(either.account.id, id_)
            assert after.request == before[name].request, name
            assert after.deadline == before[name].deadline, name
        assert await carried_out(late, ids["decided"]) is RequestState.FULFILLED
        assert await late.state(recording_id) is State.ERASED
        verify_receipt(await receipt(late, ids["closed"]), verifier=SIGNER.verifier)
        repeated = await ask(late, asks("restriction", reference="again"))
        assert repeated.request.repeat_of == ids["closed"]


async def test_an_old_database_learns_newer_requests_and_keeps_its_own(
    house: House, tmp_path: Path, threads: Threads
):
    """A request that was only received when the backup was made is decided, and one of later is there."""
    await recorded(house, "call-1")
    first = await ask(house, asks(reference="first"))
    await write_all(house)
    old = copied(house, tmp_path / "old")
    await decide(house, first.request.id)
    second = await ask(house, asks("access", reference="second"))
    await write_all(house)
    async with house_over(house, SqliteDatabase(old), threads) as late:
        assert await late.vault.node.recovery.check()
        await late.vault.backup.restore(actor="operator")
        states = [
            (await late.vault.requests.requests.read(house.account.id, id_)).request.state
            for id_ in (first.request.id, second.request.id)
        ]
        assert states == [RequestState.EXECUTING, RequestState.REVIEW]
        assert await carried_out(late, first.request.id) is RequestState.FULFILLED


async def test_a_rotation_and_the_retention_of_requests_reach_the_bucket(
    house: House, tmp_path: Path, threads: Threads
):
    """What is in the bucket opens under the key that is left, and what was forgotten is not in it."""
    ids = await _several(house)
    await rotate(house)
    await finish(house)
    past = person_requests.update().where(person_requests.c.id == ids["closed"]).values(forget_at=ago(days=1))
    await house.database.write(lambda tx: tx.connection.execute(past) and None)
    await house.vault.jobs.execute_requests.forget()
    await write_all(house)
    async with empty_house(house, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        view = await late.vault.requests.requests.read(house.account.id, ids["paused"])
        assert view.request.personal is not None
        assert view.request.personal.pauses
        assert view.request.state is RequestState.REVIEW
        forgotten = await late.vault.requests.requests.read(house.account.id, ids["closed"])
        assert (forgotten.request.personal, forgotten.request.state) == (None, RequestState.DENIED)


async def _closed(house: House, number: int) -> list[str]:
    """Enter and close requests; return their ids."""
    ids = []
    for one in range(number):
        view = await ask(house, asks("restriction", reference=f"closed {one}"))
        await decide(house, view.request.id, "kept_grounds", reason="It is needed.")
        await carried_out(house, view.request.id)
        ids.append(view.request.id)
    return ids


async def test_every_closed_request_is_in_the_bucket(
    either: House, tmp_path: Path, threads: Threads, monkeypatch: pytest.MonkeyPatch
):
    """Also above what an account's object takes; and the account's object has them no more once they are written."""
    monkeypatch.setattr(stored_requests, "MAX_CLOSED", 1)
    monkeypatch.setattr(request_objects, "_BATCH_SIZE", 2)
    ids = await _closed(either, 5)
    await write_all(either)
    stored = [key for key in either.objects.objects if key.startswith(PREFIX)]
    assert sorted(stored) == sorted(location_of(either.account.id, one) for one in ids)
    known = await either.database.read(lambda tx: tx.account_objects.read(either.account.id))
    assert known[REQUESTS] == ()
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        for one in ids:
            verify_receipt(await receipt(late, one), verifier=SIGNER.verifier)
        due = await late.database.read(
            lambda tx: tx.account_objects.requests_to_store(either.account.id, limit=10)
        )
        assert due == ()


async def test_own_objects_of_requests_follow_a_rotation_and_what_is_forgotten(
    either: House, tmp_path: Path, threads: Threads
):
    """After a rotation they open under the key that is left; forgotten content is in no version of the bucket."""
    kept, forgotten = await _closed(either, 2)
    await write_all(either)
    old = {
        location_of(either.account.id, one): either.objects.objects[location_of(either.account.id, one)].body
        for one in (kept, forgotten)
    }
    past = person_requests.update().where(person_requests.c.id == forgotten).values(forget_at=ago(days=1))
    await either.database.write(lambda tx: tx.connection.execute(past) and None)
    await either.vault.jobs.execute_requests.forget()
    await write_all(either)
    await rotate(either)
    await finish(either)
    await write_all(either)
    for key, body in old.items():
        now = either.objects.objects[key].body
        assert now != body
        assert decode_request_envelope(bytes(now)).key_version == 2
    async with empty_house(either, tmp_path, threads) as late:
        report = await late.vault.backup.restore(actor="operator")
        assert report.findings == []
        view = await late.vault.requests.requests.read(either.account.id, kept)
        assert view.request.personal is not None
        bare = await late.vault.requests.requests.read(either.account.id, forgotten)
        assert (bare.request.personal, bare.request.state) == (None, RequestState.DENIED)
        verify_receipt(await receipt(late, kept), verifier=SIGNER.verifier)


async def test_an_own_object_that_is_damaged_is_a_finding(house: House, tmp_path: Path, threads: Threads):
    """The others are restored."""
    first, second = await _closed(house, 2)
    await write_all(house)
    location = location_of(house.account.id, first)
    await house.objects.replace(location, b"{}")
    async with empty_house(house, tmp_path, threads) as late:
        report = await late.vault.backup.restore(actor="operator")
        assert [one.partition(":")[0] for one in report.findings] == [location]
        assert (
            await late.vault.requests.requests.read(house.account.id, second)
        ).request.closed_at is not None
        # Its decision is a closing act, and is carried out again.
        assert await carried_out(late, first) is RequestState.DENIED


async def test_a_closure_waits_for_the_export_that_a_restore_has_lost(
    either: House, tmp_path: Path, threads: Threads
):
    """The bucket has no packages: the export is made again before anything else is erased, and only once."""
    recording_id = await recorded(either, "call-1")
    closure = await closing(either, export=True)
    await either.vault.jobs.execute_requests()
    assert len(await either.vault.requests.packages.parts(either.account.id, closure)) == 1
    await write_all(either)
    async with empty_house(either, tmp_path, threads) as late:
        await late.vault.backup.restore(actor="operator")
        with pytest.raises(NotFound):
            await late.vault.requests.packages.parts(either.account.id, closure)
        await hurry(late)
        await late.vault.jobs.execute_requests()
        assert await late.state(recording_id) is State.AVAILABLE
        assert len(await late.vault.requests.packages.parts(either.account.id, closure)) == 1
        assert await work(late) is RequestState.FULFILLED
        assert await late.state(recording_id) is State.ERASED
        _, blocks = await late.vault.requests.packages.download(either.account.id, closure, actor=ACTOR)
        files = zipfile.ZipFile(io.BytesIO(b"".join([block async for block in blocks])))
        assert f"recordings/{recording_id}/recording.vcon.json" in files.namelist()


async def test_a_package_that_expired_is_not_made_again(house: House):
    """A closure that a hold keeps open for longer than a package is kept made its export once."""
    held = await recorded(house, "call-1")
    await place(house, recordings=[held])
    closure = await closing(house, export=True)
    assert await work(house) is RequestState.EXECUTING
    ruled = await house.vault.requests.closures.read(house.account.id)
    assert ruled.personal.ruling.packaged.parts == 1
    late = replace(ruled.personal.ruling.packaged, at=ago(days=15))
    aged = replace(
        ruled, personal=replace(ruled.personal, ruling=replace(ruled.personal.ruling, packaged=late))
    )
    sealed = house.vault.jobs.execute_requests.sealed
    await sealed.change(aged, None, actor=ACTOR, at=ago(days=1))
    expired = person_packages.update().values(expires_at=ago(days=1))
    await house.database.write(lambda tx: tx.connection.execute(expired) and None)
    await house.vault.requests.packages.delete_expired()
    assert await work(house) is RequestState.EXECUTING
    with pytest.raises(NotFound):
        await house.vault.requests.packages.parts(house.account.id, closure)
