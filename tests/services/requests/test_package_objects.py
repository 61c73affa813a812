"""The objects of packages: made once by two nodes, and deleted when nothing names them, by clocks that agree."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.objects import FakeLocks, FakeWriter
from tests.services.requests.closures import closing, work
from tests.services.requests.mortal_ground import events_of
from tests.services.requests.people import OTHER, PERSON, ago, ask, asks, carried_out, decide, receipt
from tests.services.requests.stereo_calls import package, stereo_call
from tests.support.service_house import House
from vault.database.schema.requests import person_packages
from vault.domain.requests.package import PREFIX
from vault.domain.requests.request import RequestState
from vault.domain.retention.object_lock import ObjectLock
from vault.errors import NotFound
from vault.services.requests.progress import Progress

_ORPHAN = f"{PREFIX}acct_1/req_1/att_1"


def _objects(house: House) -> list[str]:
    return [key for key in house.objects.objects if key.startswith(PREFIX)]


@pytest.mark.parametrize("kind", ["access", "closure"])
async def test_two_nodes_at_the_same_moment_make_a_package_once(
    either: House, kind: str, monkeypatch: pytest.MonkeyPatch
):
    """The second one finds the row of the first: one event, one row, and its object is deleted a day later."""
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    if kind == "closure":
        request_id = await closing(either, export=True)
        closure = await either.vault.requests.closures.read(either.account.id)
        assert await either.vault.jobs.execute_requests.close_account(closure) is Progress.DONE
    else:
        request_id = (await ask(either, asks("access"))).request.id
        await decide(either, request_id, "provided")
    execute, finish = either.vault.jobs.execute_requests, FakeWriter.finish
    (row,) = await either.database.read(lambda tx: tx.requests.executing(tx.now(), limit=9))
    together = asyncio.Barrier(2)

    async def finish_together(writer: FakeWriter) -> int:
        await together.wait()
        return await finish(writer)

    with monkeypatch.context() as patch:
        patch.setattr(FakeWriter, "finish", finish_together)
        assert sorted(await asyncio.gather(*(execute._try(row) for _ in range(2)))) == [False, True]
    assert len(_objects(either)) == 2
    if kind == "closure":
        assert await work(either) is RequestState.FULFILLED
    else:
        assert await carried_out(either, request_id) is RequestState.FULFILLED
    assert (await package(either, request_id)).testzip() is None
    kinds = await events_of(either)
    assert (kinds.count("export.made"), kinds.count("receipt.made")) == (1, 1)
    assert await receipt(either, request_id)
    await replace(either.vault.requests.packages, grace=timedelta()).delete_expired()
    assert len(_objects(either)) == 1
    assert (await package(either, request_id)).testzip() is None


async def test_a_node_whose_clock_is_ahead_deletes_no_new_object(either: House):
    """Another node may write its row in the next moment."""
    await either.objects.put(_ORPHAN, b"sealed")
    ahead = replace(either.vault.requests.packages, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    await ahead.delete_expired()
    assert _objects(either) == [_ORPHAN]
    either.objects.objects[_ORPHAN].at = ago(days=2)
    await ahead.delete_expired()
    assert _objects(either) == []


async def test_a_package_under_a_lock_is_deleted_after_it(either: House):
    """A bucket with a default rule keeps the object for its days; what comes behind it is deleted today."""
    locks = either.objects.locks = FakeLocks(either.objects)
    await stereo_call(either, "call-1", caller=PERSON, callee=OTHER)
    view = await ask(either, asks("access"))
    await decide(either, view.request.id, "provided")
    await carried_out(either, view.request.id)
    (locked,) = _objects(either)
    locks.kept[locked] = ObjectLock(mode="compliance", until=datetime.now(UTC) + timedelta(days=9))
    last = f"{PREFIX}z/req_1/att_1"
    await either.objects.put(last, b"sealed")
    either.objects.objects[locked].at = either.objects.objects[last].at = ago(days=2)
    expire = person_packages.update().values(expires_at=ago(days=1))
    await either.database.write(lambda tx: tx.connection.execute(expire) and None)
    await either.vault.requests.packages.delete_expired()
    assert _objects(either) == [locked]
    with pytest.raises(NotFound):
        await package(either, view.request.id)
    assert (await events_of(either)).count("export.deleted") == 1
    locks.kept.clear()
    await either.vault.requests.packages.delete_expired()
    assert _objects(either) == []
