"""A limit on concurrent work, with a fair order among accounts.

A caller waits in the line of its account, and a free place goes to the next account in turn. So one account's
line delays the others by one place at most, however long it is. Where a turn may take minutes, the last place is for an
account that holds none, so nobody waits for the end of what one account began.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vault.errors import Unavailable

#: Max callers that wait, over all accounts.
MAX_WAITING = 4096


class FairGate:
    """At most ``places`` concurrent callers, and MAX_WAITING waiting ones."""

    def __init__(self, places: int, *, max_waiting: int = MAX_WAITING, last_for_others: bool = False) -> None:
        """Start with all places free; ``last_for_others``: the last one is for an account that holds none."""
        self._free = places
        self._max_waiting = max_waiting
        self._last_for_others = last_for_others
        self._held: Counter[str] = Counter()
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
            self._leave(account_id)

    async def _enter(self, account_id: str) -> None:
        # A caller that leaves passes its place on, so nobody waits for a place that an account may take.
        if self._may_take(account_id):
            self._take(account_id)
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
                self._leave(account_id)  # It got the place in the moment in which its caller was cancelled.
            raise
        finally:
            self._waiting -= 1

    def _may_take(self, account_id: str) -> bool:
        if self._free == 1 and self._last_for_others:
            return not self._held[account_id]
        return self._free > 0

    def _take(self, account_id: str) -> None:
        self._free -= 1
        self._held[account_id] += 1

    def _leave(self, account_id: str) -> None:
        """Pass the place to the next account in turn that still waits and may take it."""
        self._free += 1
        self._held[account_id] -= 1
        if not self._held[account_id]:
            del self._held[account_id]
        while (following := self._next()) is not None:
            waiting, place = following
            if not place.done():
                place.set_result(None)
                self._take(waiting)

    def _next(self) -> tuple[str, asyncio.Future[None]] | None:
        """Take the first caller out of the first line whose account may take a place."""
        for account_id, line in self._lines.items():
            if self._may_take(account_id):
                place = line.popleft()
                if line:
                    self._lines.move_to_end(account_id)
                else:
                    del self._lines[account_id]
                return account_id, place
        return None
