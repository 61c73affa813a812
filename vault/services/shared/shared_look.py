"""Requests that wait for news: all of a process share one look at the database each second, and hold nothing of it.

A signal of committed work reaches the process that wrote, or one that polls for that work; a request may wait in any.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from vault.errors import VaultError
from vault.structured_log import Log

_LOG = Log(__name__)
#: Seconds between two looks while a request waits.
PAUSE: Final = 1.0


@dataclass(eq=False, slots=True)
class Waiter:
    """A request that waits."""

    #: The id of what it waits for.
    subject: str
    #: What it knows of the subject already.
    seen: Any
    has_come: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Waiting:
    waiters: set[Waiter] = field(default_factory=set)
    places: Counter[str] = field(default_factory=Counter)
    look: "asyncio.Task[None] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLook(ABC):
    """Wait until a subject has news."""

    _waiting: _Waiting = field(default_factory=_Waiting, init=False)

    @abstractmethod
    async def with_news(self, waiters: Collection[Waiter]) -> Collection[Waiter]:
        """Return those whose subject has something that they have not seen. Raises VaultError."""

    def places_taken(self, subject: str) -> tuple[int, int]:
        """Return how many requests hold a place: for this subject, and for all."""
        places = self._waiting.places
        return places[subject], places.total()

    @contextmanager
    def holding_a_place(self, subject: str) -> Iterator[None]:
        """Hold a place for a subject."""
        places = self._waiting.places
        places[subject] += 1
        try:
            yield
        finally:
            places[subject] -= 1
            if not places[subject]:
                del places[subject]

    async def until_news(self, subject: str, seen: Any, *, seconds: float, ended: Awaitable[object]) -> bool:
        """Return whether there was news within these seconds, and before ``ended``."""
        waiting, waiter = self._waiting, Waiter(subject, seen)
        waiting.waiters.add(waiter)
        if waiting.look is None or waiting.look.done():
            waiting.look = asyncio.create_task(self._look())
        came = asyncio.create_task(waiter.has_come.wait())
        try:
            await asyncio.wait(
                {came, asyncio.ensure_future(ended)}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.waiters.discard(waiter)
            came.cancel()
        return waiter.has_come.is_set()

    async def _look(self) -> None:
        """Look for news until nobody waits."""
        while waiters := set(self._waiting.waiters):
            try:
                for one in await self.with_news(waiters):
                    one.has_come.set()
            except VaultError as error:
                # Those who wait go on, to the end of their time.
                _LOG.warning("news.not_read", error=type(error).__name__)
            await asyncio.sleep(PAUSE)
