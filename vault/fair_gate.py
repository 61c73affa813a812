"""A limit on concurrent work, with a fair order among accounts.

A caller waits in the line of its account, and a free place goes to the next account in turn. So one account's
line delays the others by one place at most, however long it is. Where a turn may take minutes, some places are for
accounts that hold none (``FairPlaces``), so nobody waits for the end of what others began.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vault.errors import Unavailable
from vault.fair_places import FairPlaces, Place

#: Max callers that wait, over all accounts.
MAX_WAITING = 4096


class FairGate:
    """At most as many concurrent callers as ``places`` has, and MAX_WAITING waiting ones."""

    def __init__(self, places: FairPlaces, *, max_waiting: int = MAX_WAITING) -> None:
        """Start with nobody inside."""
        self._places = places
        self._max_waiting = max_waiting
        self._waiting = 0
        # By account, the next one in turn first; no line is empty.
        self._lines: OrderedDict[str, deque[asyncio.Future[Place]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, account_id: str) -> AsyncIterator[None]:
        """Hold a place during the block. Raises Unavailable if too many wait, and GaveWay as a place does."""
        place = await self._enter(account_id)
        try:
            async with place.turn():
                yield
        finally:
            self._leave(place)

    async def _enter(self, account_id: str) -> Place:
        # A caller that leaves passes its place on, so nobody waits for a place that an account may take.
        if (free := self._places.take(account_id)) is not None:
            return free
        if self._waiting >= self._max_waiting:
            raise Unavailable("Too many requests wait to be processed.", retry_after=1)
        place: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(account_id, deque()).append(place)
        self._waiting += 1
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # It got the place in the moment in which its caller was cancelled.
                self._leave(place.result())
            raise
        finally:
            self._waiting -= 1

    def _leave(self, place: Place) -> None:
        """Pass the place to the next account in turn that still waits and may take it."""
        self._places.leave(place)
        while (following := self._next()) is not None:
            account_id, waiting = following
            taken = None if waiting.done() else self._places.take(account_id)
            if taken is not None:
                waiting.set_result(taken)

    def _next(self) -> tuple[str, asyncio.Future[Place]] | None:
        """Take the first caller out of the first line whose account may take a place."""
        for account_id, line in self._lines.items():
            if self._places.is_free_for(account_id):
                place = line.popleft()
                if line:
                    self._lines.move_to_end(account_id)
                else:
                    del self._lines[account_id]
                return account_id, place
        return None
