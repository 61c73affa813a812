"""Work under a lease: the lease is renewed meanwhile, and the work is cancelled when the lease is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from vault.errors import LeaseLost, Unavailable

T = TypeVar("T")


async def hold_lease(
    renew: Callable[[], Awaitable[object]],
    work: Awaitable[T],
    *,
    lease: timedelta,
    renewal: timedelta,
    last_write: float = 0.0,
) -> T:
    """Run ``work``, renew the lease every ``renewal``, and return the work's result.

    Raises LeaseLost, after the work has ended, if ``renew`` raises it, or if the database was unavailable until
    the lease, valid for ``lease``, could have expired. The work's own last write may release the lease: then the
    work has ``last_write`` seconds to return. Raises what ``work`` raises.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    valid_until = loop.time() + lease.total_seconds()
    try:
        while not (await asyncio.wait({task}, timeout=renewal.total_seconds()))[0]:
            try:
                await renew()
            except LeaseLost:
                if not (await asyncio.wait({task}, timeout=last_write))[0]:
                    raise
            except Unavailable:
                if loop.time() + renewal.total_seconds() >= valid_until:
                    raise LeaseLost("The lease could not be renewed in time.") from None
            else:
                valid_until = loop.time() + lease.total_seconds()
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Mark it as retrieved: the caller gets CancelledError or LeaseLost instead.
