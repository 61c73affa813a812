"""Histories that anchor at the same time in one object store, step by step in an order that a seed decides.

Each call of the store and each transaction is a step before its effect and one after it. A node that dies does so
between two of them, and what it began in the store stays.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from typing import TypeVar

from tests.fakes.log_database import LogDatabase
from tests.fakes.objects import FakeObjects
from tests.support.anchoring import anchor_of
from tests.support.rfc6962 import mth
from vault.errors import Unavailable
from vault.ports.objects import StoredObject
from vault.services.audit_log.anchor import Anchor
from vault.services.audit_log.checkpoints import text_of

T = TypeVar("T")
#: Turns of the event loop in which every task comes to its next step.
_SETTLE = 8


class Race:
    """The order of steps, the store, and what was shown."""

    def __init__(self, seed: int) -> None:
        """Everything follows from the seed."""
        self.random = Random(seed)  # noqa: S311 - it keeps no secret
        self.store = FakeObjects()
        #: What was shown: size and root, in the order in which it was.
        self.shown: list[tuple[int, bytes]] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def step(self) -> None:
        """Wait for one's turn."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        await waiting

    async def sleep(self, _seconds: float) -> None:
        """Wait for a few turns, in which others go on."""
        for _ in range(self.random.randrange(1, 12)):
            await self.step()

    def start(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        """Let somebody work beside the others."""
        task = asyncio.ensure_future(work)
        self._tasks.append(task)
        return task

    async def run(self) -> None:
        """Give turns until all who work have ended or died."""
        while True:
            for _ in range(_SETTLE):
                await asyncio.sleep(0)
            self._waiting = [one for one in self._waiting if not one.done()]
            if not self._waiting:
                break
            self._waiting.pop(self.random.randrange(len(self._waiting))).set_result(None)
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    def show(self, note_size: int, root: bytes) -> None:
        """Note what somebody was shown."""
        self.shown.append((note_size, root))

    def one_history(self, *databases: LogDatabase) -> bool:
        """Say whether all that was shown is a beginning of one and the same log."""
        return any(
            all(size <= len(one.leaves) and mth(one.leaves[:size]) == root for size, root in self.shown)
            for one in databases
        )


class Node:
    """A process of one history: it logs, and shows what it may."""

    def __init__(
        self, race: Race, database: LogDatabase, name: str, make: Callable[..., Anchor] = anchor_of
    ) -> None:
        """``make`` is how it anchors."""
        self.race = race
        self.database = database
        self.name = name
        #: Calls of the store until it dies; None for one that lives.
        self.dies_in: int | None = None
        #: Whether the call at which it dies has its effect.
        self.dies_after = False
        database.turn = race.step
        self.anchor = make(database, _Store(self), sleep=race.sleep)

    async def work(self, rounds: int) -> None:
        """Log and show; what cannot be shown is asked for again in the next round."""
        for number in range(rounds):
            self.database.leaves.append(f"{self.name} {number} {len(self.database.leaves)}".encode())
            await self.show()

    async def show(self) -> bool:
        """Show the newest checkpoint; False if none could be."""
        try:
            found = await self.anchor.covering(len(self.database.leaves))
        except Unavailable:
            return False
        said = text_of(found)
        self.race.show(said.size, said.root)
        return True

    async def call(self, effect: Callable[[], Awaitable[T]]) -> T:
        """Call the store, or die at it: then no answer ever comes."""
        await self.race.step()
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                if not self.dies_in and self.dies_after:
                    await effect()
                await asyncio.Event().wait()
        result = await effect()
        await self.race.step()
        return result


class _Store(FakeObjects):
    """The store as one node reaches it. A listing is one step, as a page of S3 and a small folder are."""

    def __init__(self, node: Node) -> None:
        super().__init__()
        self._node = node

    async def put(self, key: str, body: bytes, *, if_absent: bool = False, locked: bool = False) -> bool:
        shared = self._node.race.store
        return await self._node.call(lambda: shared.put(key, body, if_absent=if_absent, locked=locked))

    async def get(self, key: str) -> bytes:
        return await self._node.call(lambda: self._node.race.store.get(key))

    async def size(self, key: str) -> int:
        return await self._node.call(lambda: self._node.race.store.size(key))

    async def delete(self, key: str) -> None:
        await self._node.call(lambda: self._node.race.store.delete(key))

    async def list(self, prefix: str, *, after: str = "") -> AsyncIterator[StoredObject]:
        for stored in await self._node.call(lambda: _listed(self._node.race.store, prefix, after)):
            yield stored


async def _listed(store: FakeObjects, prefix: str, after: str) -> list[StoredObject]:
    return [stored async for stored in store.list(prefix, after=after)]
