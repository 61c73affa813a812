"""Time in: asks the verbs, again and again, whether there is work in the state that each looks after.

Every node does all of it. What is claimed row by row is shared by itself: ingest, describe, erase, the
provider's copies, lists and pauses, by leases in the rows. What moves the log on may run anywhere at once:
the sequencer has an advisory lock and a compare-and-swap, the anchor a turn that is short, and
publication a lease of its own. The rest is done by one node at a time, by turns (services/shared/singleton_job.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from vault.services.service import Vault
from vault.services.shared.singleton_job import Due
from vault.worker.polling_task import PollingTask
from vault.worker.recovery import looking, unless_recovering

_DESCRIBERS = 2
#: Between two sweeps of the whole fleet.
SWEEP_INTERVAL = timedelta(hours=1)
#: Between two looks of the whole fleet for quarantines that have run out.
_EXPIRY_INTERVAL = timedelta(seconds=60)
#: Between two looks of the whole fleet whether the object store went back; with the pause of a turn, a minute.
_STORE_CHECK_INTERVAL = timedelta(seconds=40)
#: Between two looks of the whole fleet for uploads that no client sends any more.
_UPLOADS_INTERVAL = timedelta(seconds=60)
#: Seconds between two looks of a node whether it is its turn.
_SINGLETON_INTERVAL = 15.0
#: Seconds between two looks for tombstones: while the switch is off there may be one for every call.
_TOMBSTONE_INTERVAL = 1.0
#: Seconds between two looks for work that may be due and not be possible.
_STUCK_INTERVAL = 1.0
#: Seconds between two looks for sessions that are over.
_SESSIONS_INTERVAL = 60.0
#: Seconds between two checks whether more of the log can be published.
_PUBLISH_INTERVAL = 1.0
#: Seconds between two checks whether the log has grown and must be anchored, which has an interval of its own.
_ANCHOR_INTERVAL = 0.5
#: Seconds that work in hand may take to end once the node is to stop; then it is given back.
SHUTDOWN_GRACE = 0.5


async def work(vault: Vault, *, workers: int, stopping: asyncio.Event | None = None) -> None:
    """Run until cancelled, or until a moment after ``stopping`` is set.

    What is in hand then and does not end within SHUTDOWN_GRACE is given back with its lease, and another node
    takes it at once. A process that dies leaves it until the lease runs out.
    """
    stopping = stopping or asyncio.Event()
    tasks = [
        asyncio.create_task(polling.run(stopping))
        for polling in polling_tasks(vault, workers)
        for _ in range(polling.concurrency)
    ]
    told = asyncio.create_task(stopping.wait())
    try:
        await told
        await asyncio.wait(tasks, timeout=SHUTDOWN_GRACE)
    finally:
        for task in (told, *tasks):
            task.cancel()
        await asyncio.gather(told, *tasks, return_exceptions=True)


def polling_tasks(vault: Vault, workers: int) -> list[PollingTask]:
    """Return the tasks of the worker, which do nothing in recovery mode."""
    tasks = _polling_tasks(vault, workers)
    for task in tasks:
        task.step = unless_recovering(vault, task.step)
    return tasks


def _polling_tasks(vault: Vault, workers: int) -> list[PollingTask]:
    return [
        PollingTask(work="ingest", step=vault.ingest, concurrency=workers),
        PollingTask(work="describe", step=vault.describe, concurrency=_DESCRIBERS),
        _when_due(vault, "manifests", vault.write_manifests),
        # What lies under a key that its account has taken away stays due for as long.
        _when_due(vault, "account_objects", vault.write_account_objects, idle_interval=_STUCK_INTERVAL),
        _when_due(vault, "tombstones", vault.write_tombstones, min_interval=_TOMBSTONE_INTERVAL),
        _when_due(vault, "closing_acts", vault.keep_journal, idle_interval=_STUCK_INTERVAL),
        _when_due(vault, "rewrite_store", vault.rewrite_store, idle_interval=_STUCK_INTERVAL),
        _singleton(vault, "look_at_store", vault.check_store, every=_STORE_CHECK_INTERVAL),
        _when_due(vault, "rewrap", vault.rewrap, idle_interval=_STUCK_INTERVAL),
        PollingTask(work="remove_erased", step=vault.remove_erased),
        PollingTask(work="delete_at_source", step=vault.delete_at_source, idle_interval=1.0),
        PollingTask(work="reconcile", step=vault.reconcile, idle_interval=1.0),
        PollingTask(work="pause_recordings", step=vault.pause_recordings),
        PollingTask(work="end_sessions", step=vault.end_sessions, idle_interval=_SESSIONS_INTERVAL),
        PollingTask(work="sequence", step=vault.sequence_events),
        PollingTask(work="sign", step=looking(vault, vault.sign_checkpoint), min_interval=_ANCHOR_INTERVAL),
        PollingTask(work="publish", step=vault.publish_log, min_interval=_PUBLISH_INTERVAL),
        _singleton(vault, "sweep", vault.sweep, every=SWEEP_INTERVAL),
        _singleton(vault, "seal_words", vault.seal_words, every=SWEEP_INTERVAL),
        _singleton(vault, "expire_quarantine", vault.expire_quarantine, every=_EXPIRY_INTERVAL),
        _singleton(vault, "settle_idle_uploads", vault.settle_idle_uploads, every=_UPLOADS_INTERVAL),
    ]


def _when_due(
    vault: Vault, name: str, verb: Due, *, min_interval: float = 0.0, idle_interval: float = 0.2
) -> PollingTask:
    """Return the task of a job that one node at a time does, as soon as it is due."""
    return PollingTask(
        work=name,
        step=lambda: vault.singleton_job.if_due(name, verb),
        min_interval=min_interval,
        idle_interval=idle_interval,
    )


def _singleton(
    vault: Vault, name: str, verb: Callable[[], Awaitable[object]], *, every: timedelta
) -> PollingTask:
    """Return the task of a job that one node at a time does, at intervals."""

    async def step() -> bool:
        return await vault.singleton_job(name, verb, every=every)

    return PollingTask(work=name, step=step, min_interval=_SINGLETON_INTERVAL)
