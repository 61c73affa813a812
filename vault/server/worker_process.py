"""The process of ``callvault worker``: the worker loop, and an optional health port."""

import asyncio
import os
import signal
from typing import Final

from vault.composition.assemble import assemble
from vault.server.health_port import health_port
from vault.settings import Settings
from vault.web.http.readiness import Readiness
from vault.worker.tasks import work

#: What a worker adds to its niceness: on a machine that it shares with servers, a backlog of recordings must not
#: make callers and listeners wait.
_NICENESS: Final = 10


async def work_until_stopped(settings: Settings, *, host: str, port: int | None) -> None:
    """Run the worker until SIGTERM or SIGINT, then release its leases. Raises the errors of assembling the vault.

    With a ``port`` it serves /healthz, /readyz and /metrics; the counters are those of this process.
    """
    os.nice(_NICENESS)
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, stopping.set)
    async with assemble(settings) as vault:
        readiness = Readiness(vault.node.readiness.check, stopping, recovery=vault.node.recovery)
        await vault.node.recovery.check()
        watching = asyncio.create_task(vault.node.recovery.watch())
        try:
            async with health_port(vault, readiness, host, port):
                await work(vault, workers=settings.workers, describers=settings.describers, stopping=stopping)
        finally:
            watching.cancel()
