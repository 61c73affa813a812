"""A rate limit for work that should leave room for others: a kernel."""

import asyncio
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class RateLimiter:
    """Lets ``rate`` pieces of work begin in each second; 0 for as many as can."""

    rate: float
    _next: float = 0.0

    async def pause(self) -> None:
        """Wait until the next piece may begin."""
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + 1 / self.rate
        await asyncio.sleep(at - now)
