"""A rate limit for background work."""

import asyncio
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class RateLimiter:
    """Allow ``rate`` operations per second; 0 means no limit."""

    rate: float
    _next: float = 0.0

    async def pause(self) -> None:
        """Wait until the next operation may begin."""
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + 1 / self.rate
        await asyncio.sleep(at - now)
