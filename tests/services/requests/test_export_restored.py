"""The export of a closed account after a restore from the bucket, which has no packages."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.services.requests.closures import closing, work
from tests.services.requests.people import ACTOR, ago, hurry, recorded
from tests.support.restoring import empty_house, write_all
from tests.support.retention import place
from tests.support.service_house import House
from vault.database.schema.requests import person_packages
from vault.domain.recordings.recording import State
from vault.domain.requests.request import RequestState
from vault.errors import NotFound
from vault.thread_pools import Threads


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
