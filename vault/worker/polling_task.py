"""Hands that look for work of one kind, in one process, until it is told to stop.

Looking costs a transaction, on every node, whether there is work or not. So the pause after a look in vain
grows with the number of hands that rest: a crew of four looks as often as a crew of one, and those who are
left look more often while others work.
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

#: One look for work: True if there was some, and it is done.
Step = Callable[[], Awaitable[bool]]


@dataclass(slots=True, kw_only=True)
class PollingTask:
    """Those who do one kind of work."""

    #: What metrics call the work.
    work: str
    step: Step
    #: How many do it at once.
    hands: int = 1
    #: Seconds between two looks of the whole crew when there was nothing to do.
    idle: float = 0.2
    #: Also after work: seconds between two looks at what has a pace of its own.
    pace: float = 0.0
    #: Seconds to wait after a part did not answer.
    trouble: float = 2.0
    _resting: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Count from the beginning: Prometheus sees an increase only of what it has seen before."""
        metrics.LOOKS.labels(self.work)
        metrics.TROUBLES.labels(self.work)

    async def run(self, stopping: asyncio.Event) -> None:
        """Look and work until ``stopping``; what is begun is finished. Nothing that a step does ends it."""
        while not stopping.is_set():
            metrics.LOOKS.labels(self.work).inc()
            pause = await self._look()
            if pause:
                await self._rest(stopping, pause)

    async def _look(self) -> float:
        """Take one step and return how many seconds to wait before the next."""
        try:
            if await self.step():
                return self.pace
        except LeaseLost:
            return 0.0
        except Unavailable as error:
            _LOG.warning("worker.waiting", reason=str(error))
        except Exception as error:  # noqa: BLE001 - the next piece of work may be a good one
            # The vault's own errors too: a step deals with those that it foresees.
            _LOG.error("worker.failed", error=type(error).__name__, trace=True)
        else:
            return max(self.idle, self.pace)
        metrics.TROUBLES.labels(self.work).inc()
        return self.trouble

    async def _rest(self, stopping: asyncio.Event, pause: float) -> None:
        self._resting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause * self._resting * (0.75 + RANDOM.random() / 2)):
                    await stopping.wait()
        finally:
            self._resting -= 1
