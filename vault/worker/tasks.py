"""The worker's tasks: each does one kind of work, and sleeps until there is some (``schedule.py``).

Every node runs all of them. Ingest, describe, erase, the provider's copies, lists and pauses claim rows by
leases in the rows. The log's tasks may run on several nodes concurrently: the sequencer has an advisory lock
and a compare-and-swap, the anchor a short lease, and publication its own lease. The rest runs on one node at a
time, as singleton jobs (services/shared/singleton_job.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from vault.services.service import Vault
from vault.services.shared.singleton_job import Due
from vault.worker.outages import unless_store_is_down
from vault.worker.polling_task import PollingTask, Step
from vault.worker.recovery import looking, unless_recovering
from vault.worker.schedule import POLL_INTERVAL, Schedule

#: Between two sweeps, over all nodes.
SWEEP_INTERVAL = timedelta(hours=1)
#: Between two polls for expired quarantines, over all nodes.
_EXPIRY_INTERVAL = timedelta(seconds=60)
#: Between two checks whether the object store lost data, over all nodes.
_STORE_CHECK_INTERVAL = timedelta(seconds=60)
#: Between two polls for recordings whose retention is not computed yet, and between two runs of the retention sweep.
_POLICIES_INTERVAL, RETENTION_INTERVAL = timedelta(seconds=60), timedelta(hours=1)
#: Between two polls for numbers whose keyed hashes a restore or an older release left out, over all nodes.
_NUMBERS_INTERVAL = timedelta(seconds=60)
#: How soon a lock is set after its recording became available; a lock that is unknown is tried again then.
_LOCKS_INTERVAL = timedelta(minutes=5)
#: Between two polls for approvals that a crash left, or whose time is over.
_APPROVALS_INTERVAL = timedelta(seconds=60)
#: Between two polls for abandoned uploads, over all nodes.
_UPLOADS_INTERVAL = timedelta(seconds=60)
#: Min seconds between two polls for tombstones: while the recording switch is off, each call may need one.
_TOMBSTONE_INTERVAL = 1.0
#: Min seconds between two polls for events to sequence, so that a busy log is sequenced in batches.
_SEQUENCE_INTERVAL = 0.1
#: Min seconds between two polls for objects to write, which work may leave due because it is blocked.
_BLOCKED_INTERVAL = 0.2
#: Min seconds between two checks whether more of the log can be published.
_PUBLISH_INTERVAL = 1.0
#: Fetches, and recordings that are described, beside the numbers of the settings: only of accounts that have none.
FOR_OTHERS: Final = 16
#: Seconds after which a fetch may have to give way to those of other accounts.
FETCH_TURN: Final = 60.0
#: Work that reads or writes objects for each of its rows.
_NEED_OBJECTS = frozenset(
    {
        "ingest", "describe", "manifests", "account_objects", "tombstones", "rewrite_store", "remove_erased", "sweep",
        "reconcile_locks", "remove_locked",
    }
)  # fmt: skip
#: Seconds that work in progress has to finish when the node stops; then its lease is released.
SHUTDOWN_GRACE = 0.5


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
    schedule = Schedule(vault.database, vault.recovery, polling, poll_interval=poll_interval)
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
    """Return the worker's tasks, which do nothing in recovery mode."""
    tasks = [*_claiming(vault, workers, describers), *_due(vault), *_log(vault), *_at_intervals(vault)]
    for task in tasks:
        if task.work in _NEED_OBJECTS:
            task.step = unless_store_is_down(vault, task.step)
        task.step = unless_recovering(vault, task.step)
    return tasks


def _claiming(vault: Vault, workers: int, describers: int) -> list[PollingTask]:
    """Return the tasks that claim rows."""
    jobs = vault.jobs
    jobs.ingest.places.limit(workers, others=FOR_OTHERS, turn=FETCH_TURN)
    # The describer itself has turns, and a recording that waits for its turn holds next to nothing.
    jobs.describe.places.limit(describers, others=FOR_OTHERS)
    return [
        _for_accounts("ingest", jobs.ingest, workers),
        _for_accounts("describe", jobs.describe, describers),
        PollingTask(work="remove_erased", step=jobs.remove_erased, claims=True),
        PollingTask(work="delete_at_source", step=jobs.provider_requests.delete_copy, claims=True),
        PollingTask(work="reconcile", step=jobs.reconcile, claims=True),
        PollingTask(work="pause_recordings", step=jobs.provider_requests.pause_recording, claims=True),
        PollingTask(
            work="end_sessions",
            step=jobs.end_sessions,
            due_after=jobs.end_sessions.grace.total_seconds(),
        ),
    ]


def _for_accounts(name: str, job: Step, size: int) -> PollingTask:
    """Return the task of a job whose work may last, with a poller for each of its places."""
    return PollingTask(work=name, step=job, concurrency=size + FOR_OTHERS, for_others=FOR_OTHERS, claims=True)


def _due(vault: Vault) -> list[PollingTask]:
    """Return the tasks of singleton jobs that run when rows are marked for them."""
    jobs = vault.jobs
    return [
        _when_due(vault, "manifests", jobs.write_manifests),
        # Objects under a revoked customer-managed key stay due while it is revoked.
        _when_due(vault, "account_objects", jobs.write_account_objects, interval=_BLOCKED_INTERVAL),
        _when_due(vault, "tombstones", jobs.write_tombstones, interval=_TOMBSTONE_INTERVAL),
        _when_due(vault, "closing_acts", jobs.keep_journal, interval=_BLOCKED_INTERVAL),
        _when_due(vault, "rewrite_store", jobs.rewrite_store),
        _when_due(vault, "rewrap", jobs.rewrap),
        _when_due(vault, "requests", jobs.execute_requests),
        _when_due(vault, "send_callbacks", jobs.send_callbacks),
    ]


def _log(vault: Vault) -> list[PollingTask]:
    """Return the tasks of the access log."""
    log = vault.jobs.log_publisher
    sign_interval = log.sign_interval.total_seconds()
    return [
        PollingTask(work="sequence", step=log.sequence, interval=_SEQUENCE_INTERVAL),
        PollingTask(
            work="sign", step=looking(vault, log.sign), interval=sign_interval, due_after=sign_interval
        ),
        PollingTask(
            work="publish",
            step=log.publish,
            interval=_PUBLISH_INTERVAL,
            due_after=log.publish_interval.total_seconds(),
        ),
    ]


def _at_intervals(vault: Vault) -> list[PollingTask]:
    """Return the tasks of singleton jobs that run at an interval."""
    jobs = vault.jobs
    return [
        _singleton(vault, "look_at_store", jobs.rewrite_store.find_loss, every=_STORE_CHECK_INTERVAL),
        _singleton(vault, "sweep", jobs.sweep, every=SWEEP_INTERVAL),
        _singleton(vault, "restore_unnamed", jobs.restore.unnamed.resume, every=SWEEP_INTERVAL),
        _singleton(vault, "seal_words", jobs.encrypt_clear_texts, every=SWEEP_INTERVAL),
        _singleton(vault, "index_numbers", jobs.index_numbers, every=_NUMBERS_INTERVAL),
        _singleton(vault, "forget_requests", jobs.execute_requests.forget, every=SWEEP_INTERVAL),
        _singleton(vault, "expire_packages", vault.packages.delete_expired, every=SWEEP_INTERVAL),
        _singleton(vault, "expire_quarantine", vault.quarantine.expire, every=_EXPIRY_INTERVAL),
        _singleton(vault, "apply_policies", jobs.apply_policies, every=_POLICIES_INTERVAL),
        _singleton(vault, "reconcile_locks", jobs.reconcile_locks, every=_LOCKS_INTERVAL),
        _singleton(vault, "remove_locked", jobs.remove_locked, every=SWEEP_INTERVAL),
        _singleton(vault, "retention_sweep", jobs.retention_sweep, every=RETENTION_INTERVAL),
        _singleton(vault, "settle_approvals", jobs.settle_approvals, every=_APPROVALS_INTERVAL),
        _singleton(vault, "settle_idle_uploads", jobs.settle_idle_uploads, every=_UPLOADS_INTERVAL),
    ]


def _when_due(vault: Vault, name: str, job: Due, *, interval: float = 0.0) -> PollingTask:
    """Return the task of a singleton job that runs as soon as it is due."""
    return PollingTask(
        work=name,
        step=lambda: vault.jobs.singleton.run_if_due(name, job),
        interval=interval,
        singleton=True,
    )


def _singleton(
    vault: Vault, name: str, job: Callable[[], Awaitable[object]], *, every: timedelta
) -> PollingTask:
    """Return the task of a singleton job that runs at an interval."""

    async def step() -> bool:
        await vault.jobs.singleton.run(name, job, every=every)
        return False

    return PollingTask(work=name, step=step, singleton=True)
