"""The process of ``callvault worker``: the loop alone, and a small port that tells how it fares."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext

import uvicorn

from vault.composition import assemble
from vault.server.http_limits import server_config
from vault.services.service import Vault
from vault.settings import Settings
from vault.web.app import build_health
from vault.web.http.readiness import Readiness
from vault.worker.tasks import work


async def work_until_stopped(settings: Settings, *, host: str, port: int | None) -> None:
    """Work until SIGTERM or SIGINT, and give back what is in hand then. Raises what assembling raises.

    With a ``port`` it answers /healthz, /readyz and /metrics: the counters of sealing are this process's own.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stopping.set)
    async with assemble(settings) as vault:
        readiness = Readiness(vault.check_part, stopping, recovery=vault.check_recovery)
        await vault.check_recovery()
        watching = asyncio.create_task(vault.check_recovery.watch())
        health: AbstractAsyncContextManager[None] = nullcontext()
        if port is not None:
            health = _health(vault, readiness, host, port)
        try:
            async with health:
                await work(vault, workers=settings.workers, stopping=stopping)
        finally:
            watching.cancel()


class _Quiet(uvicorn.Server):
    """A server that leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def _health(vault: Vault, readiness: Readiness, host: str, port: int) -> AsyncIterator[None]:
    app = build_health()
    app.state.vault, app.state.readiness = vault, readiness
    server = _Quiet(server_config(app, host=host, port=port, stop_seconds=1))
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving
