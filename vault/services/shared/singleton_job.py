"""Singleton jobs: work that one node at a time does for all nodes.

A job holds a named lease, by the database's clock. Its node renews the lease during the work, and cancels the
work if the lease is lost, because the node slept or could not reach the database. For a moment two nodes may
run the same job, so the work must be idempotent; the lease only saves the cost of running it twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from vault.database.interface import Database
from vault.errors import VaultError
from vault.services.shared.job import DueJob
from vault.services.shared.lease import hold_lease

#: How long a lease lasts without renewal.
LEASE = timedelta(seconds=60)
#: The renewal interval.
RENEWAL = timedelta(seconds=20)
#: Backoff after failed work, before any node tries again.
_AFTER_FAILURE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingletonJobs:
    """Run jobs of which one node at a time does the work for all nodes."""

    database: Database

    async def run(self, name: str, work: Callable[[], Awaitable[object]], *, every: timedelta) -> bool:
        """Return whether this node did the work; it is due again ``every`` after its end.

        Raises LeaseLost, after the work has ended, if another node took the lease; raises what the work raises.
        """
        if not await self.database.read(lambda tx: tx.singleton_leases.is_free(name)):
            return False
        token = await self.database.write(lambda tx: tx.singleton_leases.claim(name, lease=LEASE))
        if token is None:
            return False
        pause = _AFTER_FAILURE
        try:
            await hold_lease(
                lambda: self.database.write(lambda tx: tx.singleton_leases.renew(name, token, lease=LEASE)),
                work(),
                lease=LEASE,
                renewal=RENEWAL,
            )
            pause = every
        except asyncio.CancelledError:
            # This node stops: another one may take over immediately.
            pause = timedelta()
            raise
        finally:
            await asyncio.shield(self._release(name, token, min(pause, every)))
        return True

    async def run_if_due(self, job: DueJob) -> bool:
        """Do what is due, one node at a time, with no interval afterwards; return whether this node did any.

        Raises the same errors as ``run``.
        """
        if not await job.any_due():
            return False
        worked = False

        async def work() -> None:
            nonlocal worked
            worked = await job.step()

        return await self.run(job.work, work, every=timedelta()) and worked

    async def _release(self, name: str, token: str, pause: timedelta) -> None:
        try:
            await self.database.write(
                lambda tx: tx.singleton_leases.pass_on(name, token, next_at=tx.now() + pause)
            )
        except VaultError:
            return  # Another node holds the lease, or it expires.
