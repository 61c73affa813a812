"""The ASGI app for a server (``uvicorn --factory vault.server.asgi:create``), and the server process.

With uvicorn's own command, add ``--http vault.server.http_limits:LimitedHttpProtocol`` unless the proxy limits heads.

Shutdown after SIGTERM: /readyz turns to 503 and the worker takes no new work. For ``drain_seconds`` requests are still
served, so that load balancers notice; then the process stops listening. Requests in progress have ``stop_seconds`` to
end; a longer response is truncated by closing the connection, so that it never looks complete. Then the vault is closed
and the process ends with status 0.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from vault import structured_log
from vault.composition.adapters import utc_now
from vault.composition.assemble import assemble
from vault.control.socket import control_socket
from vault.server.health_port import health_port
from vault.server.waiting_server import WaitingServer
from vault.settings import Settings, read_settings
from vault.web.app import Hosting, build
from vault.web.http.readiness import Readiness
from vault.worker.tasks import work

#: Seconds for truncated responses to log how far they were sent.
_SHUTDOWN_GRACE = 5.0
#: Max unsent bytes of a response in the kernel's send buffer, where they cannot be revoked when a session ends.
#: Without a limit it holds several mebibytes.
_UNSENT = 1024 * 1024


def create() -> FastAPI:
    """Return an app with a worker, configured from the environment."""
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    return app_of(settings, worker=True)


def app_of(settings: Settings, *, worker: bool) -> FastAPI:
    """Return the app. Its lifespan assembles the vault and, with ``worker``, runs the worker in the same process."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            vault = await stack.enter_async_context(assemble(settings, describing=worker))
            stack.push_async_callback(vault.playback.audio.close)
            stack.push_async_callback(vault.ingest.webhooks.close)
            stack.push_async_callback(vault.ingest.deliveries.close)
            app.state.vault = vault
            app.state.readiness = readiness = Readiness(
                vault.node.readiness.check, recovery=vault.node.recovery
            )
            app.state.recovery = vault.node.recovery
            await vault.node.recovery.check()
            watching = asyncio.create_task(vault.node.recovery.watch())
            stack.callback(watching.cancel)
            if settings.sqlite_path is not None:
                await stack.enter_async_context(control_socket(vault, settings.control_socket))
            if worker:
                working = work(
                    vault,
                    workers=settings.workers,
                    describers=settings.describers,
                    stopping=readiness.stopping,
                )
                stack.push_async_callback(_end, asyncio.create_task(working), readiness.stopping)
            yield

    hosting = Hosting(
        public_url=settings.public_url,
        cell=settings.cell,
        trusted_proxies=settings.trusted_proxies,
        reference=settings.reference,
        docs_url=settings.docs_url,
    )
    return build(hosting, utc_now, lifespan)


class Server(WaitingServer):
    """uvicorn's server with a drain period: at a stop signal it notifies the app and keeps serving for a while."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, drain_seconds: float) -> None:
        """``drain_seconds`` is how long requests are still served after the signal."""
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening, with a limit on unsent bytes in the kernel, which connections inherit."""
        await super().startup(sockets)
        for listening in (listener for server in self.servers for listener in server.sockets):
            if listening.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_NOTSENT_LOWAT"):
                # The loop's socket objects cannot set options; a duplicate descriptor of the socket can.
                with socket.socket(fileno=os.dup(listening.fileno())) as same:
                    same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start the drain period; a second signal stops listening immediately."""
        stopping: asyncio.Event = self._app.state.readiness.stopping
        if self._loop is None or stopping.is_set() or not self._drain_seconds:
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._later, sig)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(stopping.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, wait for requests, then for the access log entries of truncated responses."""
        await super().shutdown(sockets)
        if cut := set(self.server_state.tasks):
            await asyncio.wait(cut, timeout=_SHUTDOWN_GRACE)

    def _later(self, sig: int) -> None:
        asyncio.get_running_loop().call_later(self._drain_seconds, super().handle_exit, sig, None)


async def serve(
    app: FastAPI, server: WaitingServer, *, listening: socket.socket | None = None, health: int | None = None
) -> None:
    """Assemble the vault, then listen until stopped. Raises the errors of assembling, above all StartRefused.

    ``listening`` is a socket to accept from instead of the server's address, and ``health`` a port of this process.
    The lifespan is run here and not by uvicorn (``lifespan="off"``), which would turn a sentence for the operator into
    a traceback in the log.
    """
    # Handles the signal while the vault is assembled. It also absorbs the signal that uvicorn raises again after it
    # stopped listening, because the vault is closed after that.
    before = signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    try:
        async with (
            app.router.lifespan_context(app),
            health_port(app.state.vault, app.state.readiness, server.config.host, health),
        ):
            await server.serve(None if listening is None else [listening])
    finally:
        signal.signal(signal.SIGTERM, before)


async def _end(working: "asyncio.Task[None]", stopping: asyncio.Event) -> None:
    stopping.set()
    await working
