"""The worker's polling tasks: each polls one service for due work.

Every node runs all of them. Ingest, describe, erase, the provider's copies, lists and pauses claim rows by
leases in the rows. The log's tasks may run on several nodes concurrently: the sequencer has an advisory lock
and a compare-and-swap, the anchor a short lease, and publication its own lease. The rest runs on one node at a
time, as singleton jobs (services/shared/singleton_job.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from vault.services.service import Vault
from vault.services.shared.singleton_job import Due
from vault.worker.polling_task import PollingTask
from vault.worker.recovery import looking, unless_recovering

_DESCRIBERS = 2
#: Between two sweeps, over all nodes.
SWEEP_INTERVAL = timedelta(hours=1)
#: Between two polls for expired quarantines, over all nodes.
_EXPIRY_INTERVAL = timedelta(seconds=60)
#: Between two checks whether the object store lost data, over all nodes; a minute with the singleton interval.
_STORE_CHECK_INTERVAL = timedelta(seconds=40)
#: Between two polls for abandoned uploads, over all nodes.
_UPLOADS_INTERVAL = timedelta(seconds=60)
#: Seconds between two attempts of a node to take a singleton job's lease.
_SINGLETON_INTERVAL = 15.0
#: Seconds between two polls for tombstones: while the recording switch is off, each call may need one.
_TOMBSTONE_INTERVAL = 1.0
#: Seconds between two polls for work that may be due but blocked.
_STUCK_INTERVAL = 1.0
#: Seconds between two polls for ended sessions.
_SESSIONS_INTERVAL = 60.0
#: Seconds between two checks whether more of the log can be published.
_PUBLISH_INTERVAL = 1.0
#: Seconds between two checks whether the log has grown and must be anchored; anchors have their own interval.
_ANCHOR_INTERVAL = 0.5
#: Seconds that work in progress has to finish when the node stops; then its lease is released.
SHUTDOWN_GRACE = 0.5


async def work(vault: Vault, *, workers: int, stopping: asyncio.Event | None = None) -> None:
    """Run until cancelled, or until shortly after ``stopping`` is set.

    Work in progress that does not finish within SHUTDOWN_GRACE releases its lease, and another node takes it
    immediately. If a process dies, its work waits until the lease expires.
    """
    stopping = stopping or asyncio.Event()
    tasks = [
        asyncio.create_task(polling.run(stopping))
        for polling in polling_tasks(vault, workers)
        for _ in range(polling.concurrency)
    ]
    stop = asyncio.create_task(stopping.wait())
    try:
        await stop
        await asyncio.wait(tasks, timeout=SHUTDOWN_GRACE)
    finally:
        for task in (stop, *tasks):
            task.cancel()
        await asyncio.gather(stop, *tasks, return_exceptions=True)


def polling_tasks(vault: Vault, workers: int) -> list[PollingTask]:
    """Return the worker's tasks, which do nothing in recovery mode."""
    tasks = _polling_tasks(vault, workers)
    for task in tasks:
        task.step = unless_recovering(vault, task.step)
    return tasks


def _polling_tasks(vault: Vault, workers: int) -> list[PollingTask]:
    jobs, log = vault.jobs, vault.jobs.log_publisher
    return [
        PollingTask(work="ingest", step=jobs.ingest, concurrency=workers),
        PollingTask(work="describe", step=jobs.describe, concurrency=_DESCRIBERS),
        _when_due(vault, "manifests", jobs.write_manifests),
        # Objects under a revoked customer-managed key stay due while it is revoked.
        _when_due(vault, "account_objects", jobs.write_account_objects, idle_interval=_STUCK_INTERVAL),
        _when_due(vault, "tombstones", jobs.write_tombstones, min_interval=_TOMBSTONE_INTERVAL),
        _when_due(vault, "closing_acts", jobs.keep_journal, idle_interval=_STUCK_INTERVAL),
        _when_due(vault, "rewrite_store", jobs.rewrite_store, idle_interval=_STUCK_INTERVAL),
        _singleton(vault, "look_at_store", jobs.rewrite_store.find_loss, every=_STORE_CHECK_INTERVAL),
        _when_due(vault, "rewrap", jobs.rewrap, idle_interval=_STUCK_INTERVAL),
        PollingTask(work="remove_erased", step=jobs.remove_erased),
        PollingTask(work="delete_at_source", step=jobs.provider_requests.delete_copy, idle_interval=1.0),
        PollingTask(work="reconcile", step=jobs.reconcile, idle_interval=1.0),
        PollingTask(work="pause_recordings", step=jobs.provider_requests.pause_recording),
        PollingTask(work="end_sessions", step=jobs.end_sessions, idle_interval=_SESSIONS_INTERVAL),
        PollingTask(work="sequence", step=log.sequence),
        PollingTask(work="sign", step=looking(vault, log.sign), min_interval=_ANCHOR_INTERVAL),
        PollingTask(work="publish", step=log.publish, min_interval=_PUBLISH_INTERVAL),
        _singleton(vault, "sweep", jobs.sweep, every=SWEEP_INTERVAL),
        _singleton(vault, "seal_words", jobs.encrypt_clear_texts, every=SWEEP_INTERVAL),
        _singleton(vault, "expire_quarantine", vault.quarantine.expire, every=_EXPIRY_INTERVAL),
        _singleton(vault, "settle_idle_uploads", jobs.settle_idle_uploads, every=_UPLOADS_INTERVAL),
    ]


def _when_due(
    vault: Vault, name: str, job: Due, *, min_interval: float = 0.0, idle_interval: float = 0.2
) -> PollingTask:
    """Return the task of a singleton job that runs as soon as it is due."""
    return PollingTask(
        work=name,
        step=lambda: vault.jobs.singleton.run_if_due(name, job),
        min_interval=min_interval,
        idle_interval=idle_interval,
    )


def _singleton(
    vault: Vault, name: str, job: Callable[[], Awaitable[object]], *, every: timedelta
) -> PollingTask:
    """Return the task of a singleton job that runs at an interval."""

    async def step() -> bool:
        return await vault.jobs.singleton.run(name, job, every=every)

    return PollingTask(work=name, step=step, min_interval=_SINGLETON_INTERVAL)
