"""A limit on concurrent work, with a fair order among accounts.

A caller waits in the line of its account, and a free place goes to the next account in turn. So one account's
line delays the others by one place at most, however long it is.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vault.errors import Unavailable

#: Max callers that wait, over all accounts.
MAX_WAITING = 4096


class FairGate:
    """At most ``places`` concurrent callers, and MAX_WAITING waiting ones."""

    def __init__(self, places: int, *, max_waiting: int = MAX_WAITING) -> None:
        """Start with all places free."""
        self._free = places
        self._max_waiting = max_waiting
        self._waiting = 0
        # By account, the next one in turn first; no line is empty.
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, account_id: str) -> AsyncIterator[None]:
        """Hold a place during the block. Raises Unavailable if too many wait."""
        await self._enter(account_id)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, account_id: str) -> None:
        if self._free:
            # A caller that leaves passes its place on, so a free place means that nobody waits.
            self._free -= 1
            return
        if self._waiting >= self._max_waiting:
            raise Unavailable("Too many requests wait to be processed.", retry_after=1)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(account_id, deque()).append(place)
        self._waiting += 1
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()  # It got the place in the moment in which its caller was cancelled.
            raise
        finally:
            self._waiting -= 1

    def _leave(self) -> None:
        """Pass the place to the next account in turn that still waits."""
        while self._lines:
            account_id, line = next(iter(self._lines.items()))
            place = line.popleft()
            if line:
                self._lines.move_to_end(account_id)
            else:
                del self._lines[account_id]
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
