"""Turns: what all nodes together do once, and which of them does it.

A turn is a name with a lease on the database's time. Whoever has it renews it beside the work; a node that
lost it, because it slept or could not reach the database, stops. It may have gone on for a moment beside
its successor, so the work itself must bear to be done twice; the turn is what makes it cheap.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from vault.errors import LeaseLost, Unavailable, VaultError
from vault.ports.database import Database

#: How long a turn is held without a sign of life.
LEASE = timedelta(seconds=60)
#: Between two signs of life.
RENEWAL = timedelta(seconds=20)
#: After work that failed, until another node may try.
_AFTER_FAILURE = timedelta(seconds=30)


class Due(Protocol):
    """A verb that knows whether there is anything for it to do."""

    async def any_due(self) -> bool:
        """Say whether there is. Much cheaper than the work."""

    async def __call__(self) -> bool:
        """Do some of it; False if there was nothing that could be done now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingletonJob:
    """Do a piece of work if it is time for it and no other node does it."""

    database: Database

    async def __call__(self, name: str, work: Callable[[], Awaitable[object]], *, every: timedelta) -> bool:
        """Return whether the work was done here; its next turn is ``every`` after its end.

        Raises LeaseLost, after the work has ended, if another node took the turn; and what the work raises.
        """
        if not await self.database.read(lambda tx: tx.turns.is_free(name)):
            return False
        token = await self.database.write(lambda tx: tx.turns.claim(name, lease=LEASE))
        if token is None:
            return False
        pause = _AFTER_FAILURE
        try:
            await self._beside_renewals(name, token, asyncio.ensure_future(work()))
            pause = every
        except asyncio.CancelledError:
            # This node stops: another one takes over at once.
            pause = timedelta()
            raise
        finally:
            await asyncio.shield(self._pass_on(name, token, min(pause, every)))
        return True

    async def if_due(self, name: str, verb: Due) -> bool:
        """Do what is due, one node at a time, its turn offered again at once; return whether any was done here.

        Raises as the call does.
        """
        if not await verb.any_due():
            return False
        worked = False

        async def work() -> None:
            nonlocal worked
            worked = await verb()

        return await self(name, work, every=timedelta()) and worked

    async def _beside_renewals(self, name: str, token: str, task: "asyncio.Future[object]") -> None:
        loop = asyncio.get_running_loop()
        good_until = loop.time() + LEASE.total_seconds()
        try:
            while not (await asyncio.wait({task}, timeout=RENEWAL.total_seconds()))[0]:
                try:
                    await self.database.write(lambda tx: tx.turns.renew(name, token, lease=LEASE))
                except Unavailable:
                    if loop.time() + RENEWAL.total_seconds() >= good_until:
                        raise LeaseLost("The turn could not be renewed in time.") from None
                else:
                    good_until = loop.time() + LEASE.total_seconds()
            task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _pass_on(self, name: str, token: str, pause: timedelta) -> None:
        try:
            await self.database.write(lambda tx: tx.turns.pass_on(name, token, next_at=tx.now() + pause))
        except VaultError:
            return  # Another node has it, or the lease runs out by itself.
