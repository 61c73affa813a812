"""A task that does one kind of work in one process until it is stopped. It sleeps until it is woken.

A poll costs a transaction, on every node, whether there is work or not. So a signal wakes as many pollers as it names
rows, and a poller sleeps again after its first poll that finds nothing.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vault import metrics
from vault.errors import LeaseLost, Unavailable
from vault.jitter import RANDOM
from vault.services.shared.job import Step
from vault.structured_log import Log

_LOG = Log(__name__)


@dataclass(slots=True, kw_only=True)
class PollingTask:
    """Does one kind of work when it is woken."""

    #: The ``work`` label in metrics.
    work: str
    step: Step
    #: How many steps run concurrently.
    concurrency: int = 1
    #: How many of them work only for accounts that none of the others works for.
    for_others: int = 0
    #: Min seconds between two polls of a poller.
    interval: float = 0.0
    #: Seconds after which a poller polls without a signal; None: never.
    max_sleep: float | None = None
    #: Seconds to wait after a failed step.
    error_backoff: float = 2.0
    #: Seconds from the time at which the database says that work begins until it is due.
    due_after: float = 0.0
    #: Whether only one node at a time does this work, under a lease of this name.
    singleton: bool = False
    #: Whether pollers claim rows, so that those of other processes help. All other work is done by this process alone:
    #: if another node has its lease now, that node polls once more after its end.
    claims: bool = False
    #: Ends what steps began and did not wait for.
    stop: Callable[[], Awaitable[None]] | None = None
    _sleeping: deque[asyncio.Future[None]] = field(default_factory=deque, init=False)
    #: Signals that found every poller busy.
    _pending: int = field(default=0, init=False)
    #: Counts signals.
    _signals: int = field(default=0, init=False)
    _failing: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Create the counters at 0: Prometheus shows an increase only for a series it already scraped."""
        metrics.POLLS.labels(self.work)
        metrics.POLL_FAILURES.labels(self.work)

    def wake(self, count: int = 1) -> int:
        """Wake ``count`` pollers, or let busy ones poll again; return how many slept and work for any account."""
        self._signals += 1
        woken, for_all = 0, max(0, len(self._sleeping) - self.for_others)
        while self._sleeping and woken < count:
            sleeping = self._sleeping.popleft()
            if not sleeping.done():
                sleeping.set_result(None)
                woken += 1
        self._pending = min(self.concurrency, self._pending + count - woken)
        return min(woken, for_all)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until ``stopping``; a step in progress is finished. A step's error does not end the loop."""
        stop = asyncio.ensure_future(stopping.wait())
        stop.add_done_callback(lambda _: self.wake(self.concurrency))
        try:
            while not stopping.is_set():
                await self._sleep()
                await self._work(stopping)
        finally:
            stop.cancel()
            if self.stop is not None:
                await self.stop()

    async def _sleep(self) -> None:
        """Return at a signal, or after ``max_sleep``."""
        if self._pending:
            self._pending -= 1
            return
        sleeping = asyncio.get_running_loop().create_future()
        self._sleeping.append(sleeping)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(None if self.max_sleep is None else _jittered(self.max_sleep)):
                    await sleeping
        finally:
            if sleeping in self._sleeping:
                self._sleeping.remove(sleeping)

    async def _work(self, stopping: asyncio.Event) -> None:
        """Poll until a poll finds no work."""
        again = True
        while again and not stopping.is_set():
            metrics.POLLS.labels(self.work).inc()
            signals = self._signals
            again, failed = await self._poll()
            if not again and signals == self._signals:
                # What was signalled before this poll is in other hands.
                self._pending = 0
            if failed:
                # All fail for one reason: the rate of attempts must not depend on the concurrency.
                self._failing += 1
                try:
                    await _rest(stopping, self.error_backoff * self._failing)
                finally:
                    self._failing -= 1
            elif self.interval:
                await _rest(stopping, self.interval)

    async def _poll(self) -> tuple[bool, bool]:
        """Run one step; return whether to poll again, and whether it failed."""
        try:
            return await self.step(), False
        except LeaseLost:
            return True, False
        except Unavailable as error:
            _LOG.warning("worker.waiting", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the next step may succeed
            # VaultErrors too: a step handles those that it expects.
            _LOG.error("worker.failed", error=type(error).__name__, trace=True)
        metrics.POLL_FAILURES.labels(self.work).inc()
        return True, True


def _jittered(seconds: float) -> float:
    """Return up to a quarter more, so that nodes do not stay in step."""
    return seconds * (1 + RANDOM.random() / 4)


async def _rest(stopping: asyncio.Event, seconds: float) -> None:
    """Wait, but not longer than until ``stopping``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_jittered(seconds)):
            await stopping.wait()
