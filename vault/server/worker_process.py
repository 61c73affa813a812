"""The process of ``callvault worker``: the worker loop, and an optional health port."""

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
    """Run the worker until SIGTERM or SIGINT, then release its leases. Raises the errors of assembling the vault.

    With a ``port`` it serves /healthz, /readyz and /metrics; the counters are those of this process.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for stop_signal in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(stop_signal, stopping.set)
    async with assemble(settings) as vault:
        readiness = Readiness(vault.readiness.check, stopping, recovery=vault.recovery)
        await vault.recovery.check()
        watching = asyncio.create_task(vault.recovery.watch())
        health: AbstractAsyncContextManager[None] = nullcontext()
        if port is not None:
            health = _health(vault, readiness, host, port)
        try:
            async with health:
                await work(vault, workers=settings.workers, describers=settings.describers, stopping=stopping)
        finally:
            watching.cancel()


class _Quiet(uvicorn.Server):
    """A server that does not handle signals; the process does."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
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
