"""The worker's loop: it stops in order, gives back what it has in hand, and costs little while nothing is to do."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.fetcher import Media
from tests.support.service_house import AUDIO, URL, House
from vault.composition.assemble import _describer
from vault.database.transaction import Transaction
from vault.domain.recordings.recording import State
from vault.services.jobs import Jobs
from vault.services.shared.job import Job
from vault.services.shared.row_lease import ClaimHint, claim
from vault.settings import read_settings
from vault.worker import tasks
from vault.worker.tasks import FOR_OTHERS, SHUTDOWN_GRACE, polling_tasks, work


async def test_a_stopping_worker_gives_back_what_it_has_in_hand(house: House):
    """The row is free immediately and the attempt does not count: the next worker begins it again."""
    recording_id = (await house.announce()).recording_id or ""
    fetching = await house.fetching()
    assert (await house.row(recording_id)).attempts == 1
    fetching.cancel()
    await asyncio.wait({fetching})
    row = await house.row(recording_id)
    assert (row.state, row.attempts) == (State.TRANSFERRING, 0)
    house.fetcher.serve(URL, Media(body=AUDIO))
    assert await house.vault.jobs.ingest()
    assert await house.state(recording_id) is State.AVAILABLE
    assert len(house.audio_objects()) == 1
    assert house.objects.uploads == {}


async def test_what_was_refused_meanwhile_is_not_given_back(house: House):
    """The switch took the row from the worker; giving back changes nothing of that."""
    recording_id = (await house.announce()).recording_id or ""
    fetching = await house.fetching()
    await house.vault.accounts.switch.set(house.account.id, enabled=False, reason=None, actor="key_test")
    fetching.cancel()
    await asyncio.wait({fetching})
    assert await house.state(recording_id) is State.REFUSED
    assert await house.keys_gone(recording_id)


async def test_the_loop_ends_when_it_is_told_to(house: House):
    """Idle, it ends immediately; with work that does not end, after its patience, and the work is given back."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    working = asyncio.create_task(work(house.vault, workers=2, stopping=stopping))
    house.fetcher.serve(URL, Media(body=AUDIO, hang=asyncio.Event()))
    recording_id = (await house.announce()).recording_id or ""
    house.fetcher.serve(URL, Media(body=AUDIO, hang=asyncio.Event()))
    async with asyncio.timeout(10):
        while not house.fetcher.open:
            await asyncio.sleep(0.01)
    begun = loop.time()
    stopping.set()
    await working
    assert loop.time() - begun < SHUTDOWN_GRACE + 3
    assert (await house.row(recording_id)).attempts == 0


async def test_workers_and_describers_are_as_many_as_the_settings_say(house: House):
    """As many fetches as workers, and as many decoding processes as describers, for fetched and stored recordings.

    Some more of each are for accounts that none of the others works for.
    """
    tasks = {task.work: task.concurrency for task in polling_tasks(house.vault, workers=7, describers=3)}
    assert (tasks["ingest"], tasks["describe"]) == (7 + FOR_OTHERS, 3 + FOR_OTHERS)
    settings = read_settings({"VAULT_DESCRIBERS": "3"})
    async with AsyncExitStack() as stack:
        assert (await _describer(settings, stack, started=False)).size == 3


async def test_a_backlog_is_claimed_without_a_look(house: House):
    """After a claim that found a row another one is likely, after an empty one it is not."""
    hint, noted = ClaimHint(), []

    class Noting:
        """A database that notes what it is asked."""

        async def claim(self, states: Any, *, lease: Any, likely: bool, but: Any) -> Any:
            noted.append(likely)
            return await house.database.claim(states, lease=lease, likely=likely, but=but)

    for ref in ("one", "two"):
        await house.announce(ref)
    for _ in range(4):
        await claim(Noting(), State.RECEIVED, hint=hint)  # type: ignore[arg-type]
    assert noted == [False, True, True, False]


async def test_a_manifest_with_older_keys_is_written_again(house: House):
    """A node that lost its turn writes what it read before its successor; the row says so, and it is due again."""
    recording_id = (await house.announce()).recording_id or ""
    await house.settle(recording_id)
    await house.database.write(lambda tx: tx.queue.rewrite_manifest(recording_id))
    original = house.objects.put

    async def put(key: str, body: bytes, **how: bool) -> bool:
        def rewrap(tx: Transaction) -> None:
            tx.queue.rewrite_manifest(recording_id)

        await house.set(recording_id, wrapped_key=b"wrapped anew")
        await house.database.write(rewrap)
        return await original(key, body, **how)

    house.objects.put = put  # type: ignore[method-assign]
    assert await house.vault.jobs.write_manifests()
    house.objects.put = original  # type: ignore[method-assign]
    assert await house.vault.jobs.write_manifests.any_due()
    assert await house.vault.jobs.write_manifests()
    assert not await house.vault.jobs.write_manifests.any_due()


async def test_work_that_nobody_does_stops_the_start(house: House):
    """A kind of work without a job, and a service on the page without jobs, are errors before anything runs."""

    class Idle:
        def jobs(self) -> Sequence[Job]:
            return ()

    jobs = replace(house.vault.jobs, adopt_deliveries=Idle())
    with pytest.raises(LookupError, match=r"No job does this work: send_callbacks\."):
        polling_tasks(replace(house.vault, jobs=jobs), workers=1)
    jobs = replace(house.vault.jobs, adopt_deliveries=object())
    with pytest.raises(AttributeError, match="jobs"):
        polling_tasks(replace(house.vault, jobs=jobs), workers=1)


async def test_a_service_with_jobs_that_no_field_has_stops_the_start(
    house: House, monkeypatch: pytest.MonkeyPatch
):
    """It would never be built, and nothing would say so."""

    class Page:
        __annotations__ = {name: kind for name, kind in Jobs.__annotations__.items() if name != "sweep"}

    assert len(polling_tasks(house.vault, workers=1)) > 20
    monkeypatch.setattr(tasks, "Jobs", Page)
    with pytest.raises(LookupError, match=r"No field of Jobs has these services with jobs: Sweep\."):
        polling_tasks(house.vault, workers=1)
