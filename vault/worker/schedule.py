"""Wakes the worker's tasks: at signals of committed work, at times, and by one slow poll for all kinds of work.

The slow poll is one statement. It finds what no signal announces: rows that become due by time, leases that expired,
and work whose signal was lost. For what will be due before the next poll it sets a timer. It also finds worker
processes that are gone, and ends their leases, which otherwise last up to 90 seconds. A process whose connection broke
takes its lock again on a new one within moments, so a holder counts as gone only if its lock was free in two polls
that are a grace period apart.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from vault import metrics
from vault.database.interface import Database
from vault.database.signals import Signal
from vault.database.stores.node.due_work import LEASE_HOLDERS
from vault.services.closing_acts.check_recovery import RecoveryCheck
from vault.structured_log import Log
from vault.worker.polling_task import PollingTask

#: Seconds between two slow polls, and up to a quarter more.
POLL_INTERVAL: Final = 10.0
#: The same while no signals of other processes arrive: behind a pooler, or while the connection is lost.
DEAF_INTERVAL: Final = 1.0
#: Seconds between two checks whether recovery mode is over.
_RECOVERY_INTERVAL: Final = 1.0
_LOG = Log(__name__)
#: Seconds for which a lock must be free.
GRACE: Final = 4.0
#: Seconds between two polls while there are leases.
_INTERVAL: Final = 3.0


class Schedule:
    """The slow poll of a worker, and the receiver of its signals."""

    def __init__(
        self,
        database: Database,
        recovery: RecoveryCheck,
        tasks: Sequence[PollingTask],
        *,
        poll_interval: float | None = POLL_INTERVAL,
    ) -> None:
        """Wake these tasks. ``poll_interval`` is in seconds; None: no poll but at connections and timers."""
        self._database, self._recovery = database, recovery
        self._tasks = {task.work: task for task in tasks}
        self._jobs = [task.work for task in tasks if task.singleton]
        self._poll_interval = poll_interval
        self._stopped = False
        self._timers: dict[tuple[str, int], asyncio.TimerHandle] = {}
        self._holders = LeaseHolders(database)
        #: Runs the slow poll.
        self.task = PollingTask(work="schedule", step=self._poll, max_sleep=poll_interval)
        self.task.wake()

    def receive(self, signals: Iterable[Signal]) -> Sequence[Signal]:
        """Wake the tasks of these signals; return those that other processes should receive too."""
        if self._stopped:
            return list(signals)
        remaining = []
        for signal in signals:
            task = self._tasks.get(signal.work)
            if signal.after:
                self._wake_later(signal.work, signal.after)
            elif task is None:
                remaining.append(signal)
            else:
                number = signal.number - task.wake(signal.number)
                if number and task.claims:
                    remaining.append(signal._replace(number=number))
        return remaining

    def connected(self, *, remote: bool) -> None:
        """Poll now: signals may have been lost. Without ``remote`` poll often."""
        self.task.max_sleep = self._poll_interval if remote or self._poll_interval is None else DEAF_INTERVAL
        self.task.wake()

    def stop(self) -> None:
        """Pass all signals on from now on: this worker begins nothing more."""
        self._stopped = True

    def close(self) -> None:
        """Cancel the timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _poll(self) -> bool:
        """Wake the tasks that are due, and set timers for the others. Always returns False."""
        for task in self._tasks.values():
            # The poll covers each of them, which shows that somebody works.
            metrics.POLLS.labels(task.work).inc()
        if self._recovery.on:
            self._wake_later(self.task.work, _RECOVERY_INTERVAL)
            return False
        due = await self._database.read(lambda tx: tx.due_work.seconds(self._jobs))
        for work, seconds in due.items():
            if work not in self._tasks:
                continue
            due_task = self._tasks[work]
            if seconds + due_task.due_after <= 0:
                due_task.wake(due_task.concurrency)
            else:
                self._wake_later(work, seconds + due_task.due_after)
        if LEASE_HOLDERS in due:
            self._wake_later(self.task.work, await self._holders.poll())
        return False

    def _wake_later(self, work: str, seconds: float) -> None:
        """Wake a task at a time, which is left to a later poll if that comes first anyway."""
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        # Times are rounded up to tenths, so that the backoffs of many rows share timers.
        key = (work, math.ceil(at * 10))
        if seconds <= 2 * POLL_INTERVAL and key not in self._timers:
            self._timers[key] = loop.call_at(key[1] / 10, self._wake, key)

    def _wake(self, key: tuple[str, int]) -> None:
        del self._timers[key]
        task = self.task if key[0] == self.task.work else self._tasks.get(key[0])
        if task is not None:
            task.wake(task.concurrency)


class LeaseHolders:
    """The holders of leases, as this worker sees them."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without suspects. ``clock`` is in seconds."""
        self._database, self._clock = database, clock
        #: When each holder's lock was first found free.
        self._suspects: dict[int, float] = {}

    async def poll(self) -> float:
        """End the leases of holders that are gone; return the seconds until the next poll. Raises Unavailable."""
        gone = await self._database.read(lambda tx: tx.lease_holders.gone())
        now = self._clock()
        self._suspects = {holder: self._suspects.get(holder, now) for holder in gone}
        for holder in [one for one, since in self._suspects.items() if now - since >= GRACE]:
            del self._suspects[holder]
            count = await self._database.write(lambda tx, holder=holder: tx.lease_holders.release(holder))  # type: ignore[misc]
            if count is not None:
                _LOG.warning("worker.leases_released", count=count)
        return GRACE if self._suspects else _INTERVAL
