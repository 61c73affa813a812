"""A task that polls for one kind of work in one process until it is stopped.

A poll costs a transaction, on every node, whether there is work or not. So the poll interval is multiplied by
the number of idle pollers: the polling rate does not depend on the concurrency.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vault import metrics
from vault.errors import LeaseLost, Unavailable
from vault.jitter import RANDOM
from vault.structured_log import Log

_LOG = Log(__name__)

#: One poll; returns True if there was work and it was done.
Step = Callable[[], Awaitable[bool]]


@dataclass(slots=True, kw_only=True)
class PollingTask:
    """Polls for one kind of work and does it."""

    #: The ``work`` label in metrics.
    work: str
    step: Step
    #: How many steps run concurrently.
    concurrency: int = 1
    #: Seconds between two polls, over all pollers of the task, while there is no work.
    idle_interval: float = 0.2
    #: Seconds to wait after a step that did work, for work with an interval of its own.
    min_interval: float = 0.0
    #: Seconds to wait after a failed step.
    error_backoff: float = 2.0
    _idle_pollers: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Create the counters at 0: Prometheus shows an increase only for a series it already scraped."""
        metrics.LOOKS.labels(self.work)
        metrics.TROUBLES.labels(self.work)

    async def run(self, stopping: asyncio.Event) -> None:
        """Poll until ``stopping``; a step in progress is finished. A step's error does not end the loop."""
        while not stopping.is_set():
            metrics.LOOKS.labels(self.work).inc()
            interval = await self._poll()
            if interval:
                await self._wait(stopping, interval)

    async def _poll(self) -> float:
        """Run one step and return the seconds to wait before the next."""
        try:
            if await self.step():
                return self.min_interval
        except LeaseLost:
            return 0.0
        except Unavailable as error:
            _LOG.warning("worker.waiting", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the next step may succeed
            # VaultErrors too: a step handles those that it expects.
            _LOG.error("worker.failed", error=type(error).__name__, trace=True)
        else:
            return max(self.idle_interval, self.min_interval)
        metrics.TROUBLES.labels(self.work).inc()
        return self.error_backoff

    async def _wait(self, stopping: asyncio.Event, interval: float) -> None:
        self._idle_pollers += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(interval * self._idle_pollers * (0.75 + RANDOM.random() / 2)):
                    await stopping.wait()
        finally:
            self._idle_pollers -= 1
