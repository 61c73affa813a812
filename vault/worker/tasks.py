"""The tasks of a worker: each polls one job (``services/shared/job.py``), and sleeps between (``schedule.py``).

Every node runs all of them. A task waits while the object store is down: no attempt is used up, and nothing is fetched
that cannot be stored. In recovery mode it does nothing: a row of a database behind the object store may be out of date.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from importlib import import_module
from pkgutil import walk_packages
from typing import Final, get_type_hints

from vault import services
from vault.database.signals import Work
from vault.database.stores.node.due_work import SilentWork
from vault.errors import Unavailable, VaultError
from vault.jitter import RANDOM
from vault.services.jobs import Jobs
from vault.services.service import Vault
from vault.services.shared.job import (
    ClaimJob,
    DueJob,
    FairJob,
    HasJobs,
    IntervalJob,
    Job,
    SharedJob,
    Size,
    Step,
)
from vault.worker.polling_task import PollingTask
from vault.worker.schedule import POLL_INTERVAL, Schedule

#: Steps of a fair job beside the number of the settings: only of accounts that have none.
FOR_OTHERS: Final = 16
#: Seconds that work in progress has to finish when the node stops; then its lease is released.
SHUTDOWN_GRACE = 0.5
#: Seconds, and up to as many again, after which a task that pauses asks whether the store is up.
RETRY_SECONDS = 2.0


async def work(
    vault: Vault,
    *,
    workers: int,
    describers: int = 1,
    stopping: asyncio.Event | None = None,
    poll_interval: float | None = POLL_INTERVAL,
) -> None:
    """Run until cancelled, or until shortly after ``stopping`` is set.

    Work in progress that does not finish within SHUTDOWN_GRACE releases its lease, and another node takes it
    immediately. If a process dies, other nodes take its work once they see that its session is gone.
    """
    stopping = stopping or asyncio.Event()
    polling = polling_tasks(vault, workers, describers)
    schedule = Schedule(vault.database, vault.node.recovery, polling, poll_interval=poll_interval)
    async with vault.database.signals.delivered_to(schedule):
        tasks = [
            asyncio.create_task(task.run(stopping))
            for task in (schedule.task, *polling)
            for _ in range(task.concurrency)
        ]
        stop = asyncio.create_task(stopping.wait())
        try:
            await stop
            schedule.stop()
            await asyncio.wait(tasks, timeout=SHUTDOWN_GRACE)
        finally:
            for task in (stop, *tasks):
                task.cancel()
            await asyncio.gather(stop, *tasks, return_exceptions=True)
            schedule.close()


def polling_tasks(vault: Vault, workers: int, describers: int = 1) -> list[PollingTask]:
    """Return the worker's tasks, which do nothing in recovery mode.

    Raises LookupError if there is work that no job does, or a job that no worker would run: faults of this release.
    """
    if unlisted := sorted(kind.__qualname__ for kind in _with_jobs() - {*get_type_hints(Jobs).values()}):
        raise LookupError(f"No field of Jobs has these services with jobs: {', '.join(unlisted)}.")
    sizes = {Size.WORKERS: workers, Size.DESCRIBERS: describers}
    jobs = _jobs(vault)
    tasks = [_task(vault, job, sizes) for job in jobs]
    if without := sorted({*Work, *SilentWork} - {task.work for task in tasks}):
        raise LookupError(f"No job does this work: {', '.join(without)}.")
    for task, job in zip(tasks, jobs, strict=True):
        if not isinstance(job, SharedJob) and job.needs_objects:
            task.step = unless_store_is_down(vault, task.step)
        task.step = unless_recovering(vault, task.step)
    return tasks


def _jobs(vault: Vault) -> Sequence[Job]:
    listed: list[HasJobs] = [getattr(vault.jobs, field.name) for field in fields(vault.jobs)]
    return [job for service in listed for job in service.jobs()]


def _with_jobs() -> set[type]:
    """Return the classes of services that have jobs."""
    modules = [import_module(one.name) for one in walk_packages(services.__path__, f"{services.__name__}.")]
    own = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == module.__name__
    ]
    return {kind for kind in own if callable(vars(kind).get("jobs")) and kind is not HasJobs}


def _task(vault: Vault, job: Job, sizes: dict[Size, int]) -> PollingTask:
    """Return the task of a job."""
    match job:
        case FairJob():
            size = sizes[job.size]
            job.places.limit(size, others=FOR_OTHERS, turn=job.turn)
            return PollingTask(
                work=job.work,
                step=job.step,
                concurrency=size + FOR_OTHERS,
                for_others=FOR_OTHERS,
                claims=True,
            )
        case ClaimJob():
            return PollingTask(work=job.work, step=job.step, claims=True, stop=job.stop)
        case DueJob():
            pause = job.pause.total_seconds()
            return PollingTask(work=job.work, step=_if_due(vault, job), interval=pause, singleton=True)
        case IntervalJob():
            return PollingTask(work=job.name, step=_at_interval(vault, job), singleton=True)
        case SharedJob():
            return PollingTask(
                work=job.work,
                step=looking(vault, job.step) if job.doubts_history else job.step,
                interval=job.pause.total_seconds(),
                due_after=job.due_after.total_seconds(),
            )


def _if_due(vault: Vault, job: DueJob) -> Step:
    return lambda: vault.singleton_jobs.run_if_due(job)


def _at_interval(vault: Vault, job: IntervalJob) -> Step:
    async def step() -> bool:
        await vault.singleton_jobs.run(job.name, job.run, every=job.every)
        return False

    return step


def unless_store_is_down(vault: Vault, step: Step) -> Step:
    """Wrap the step so that its task waits, and then polls again, while the object store does not answer."""

    async def guarded() -> bool:
        if await vault.node.outages.is_up("objects"):
            return await step()
        await asyncio.sleep(RETRY_SECONDS * (1 + RANDOM.random()))
        return True

    return guarded


def unless_recovering(vault: Vault, step: Step) -> Step:
    """Wrap the step so that it finds no work in recovery mode."""

    async def guarded() -> bool:
        return False if vault.node.recovery.on else await step()

    return guarded


def looking(vault: Vault, step: Step) -> Step:
    """Wrap the anchor step: if it fails, check whether the object store has a different history."""

    async def checked() -> bool:
        try:
            return await step()
        except Unavailable:
            with suppress(VaultError):
                await vault.node.recovery.check(checks=1)  # One check: the step itself has already retried.
            raise

    return checked
