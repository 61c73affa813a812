"""The ASGI app that a server imports (``uvicorn --factory vault.server.asgi:create``), and how a process is served.

uvicorn's own command takes ``--http vault.server.http_limits:BoundedHeads`` besides, unless the proxy bounds heads.

A node that is told to stop (SIGTERM) says so first: /readyz turns to 503 and its worker takes nothing new.
After ``drain_seconds``, in which a balancer has noticed and requests are still answered, it stops to listen.
What is in flight then has ``stop_seconds`` to end; a longer answer is cut where it stands, never to look like
a whole one. Then the vault is taken apart, and the process ends with status 0.
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
from vault.composition import assemble, utc_now
from vault.control.socket import control_socket
from vault.settings import Settings, read_settings
from vault.web.app import build
from vault.web.http.public_url import PublicUrl
from vault.web.http.readiness import Readiness
from vault.worker.tasks import work

#: Seconds in which answers that were cut put on record how far they came.
_SHUTDOWN_GRACE = 5.0
#: Bytes of an answer that may wait unsent in the kernel, where they cannot be called back when a session ends.
#: Without a limit they are several mebibytes.
_UNSENT = 1024 * 1024


def create() -> FastAPI:
    """Return the app of one process, with its worker, from the environment."""
    settings = read_settings(os.environ)
    structured_log.set_up(settings.log_level)
    return app_of(settings, worker=True)


def app_of(settings: Settings, *, worker: bool) -> FastAPI:
    """Return the app. Its lifespan assembles the vault, and with ``worker`` runs the loop beside it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            vault = await stack.enter_async_context(assemble(settings, describing=worker))
            app.state.vault = vault
            app.state.readiness = readiness = Readiness(vault.check_part, recovery=vault.check_recovery)
            app.state.recovery = vault.check_recovery
            await vault.check_recovery()
            watching = asyncio.create_task(vault.check_recovery.watch())
            stack.callback(watching.cancel)
            if settings.sqlite_path is not None:
                await stack.enter_async_context(control_socket(vault, settings.control_socket))
            if worker:
                working = work(vault, workers=settings.workers, stopping=readiness.stopping)
                stack.push_async_callback(_end, asyncio.create_task(working), readiness.stopping)
            yield

    hosting = PublicUrl(
        public_url=settings.public_url,
        trusted_proxies=settings.trusted_proxies,
        reference=settings.reference,
    )
    return build(hosting, utc_now, lifespan)


class Server(uvicorn.Server):
    """uvicorn's server, which tells the app first and goes on for a while when it is told to stop."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, *, drain_seconds: float) -> None:
        """``drain_seconds`` is how long requests are still taken."""
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen until stopped."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen. Connections inherit how much of an answer may wait in the kernel."""
        await super().startup(sockets)
        for listening in (one for server in self.servers for one in server.sockets):
            if listening.family in {socket.AF_INET, socket.AF_INET6} and hasattr(socket, "TCP_NOTSENT_LOWAT"):
                # The loop's own sockets set no options; a second descriptor of the same socket does.
                with socket.socket(fileno=os.dup(listening.fileno())) as same:
                    same.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal stops to listen at once."""
        stopping: asyncio.Event = self._app.state.readiness.stopping
        if self._loop is None or stopping.is_set() or not self._drain_seconds:
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._later, sig)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(stopping.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop to listen, wait for requests, and for the last words of those that were cut."""
        await super().shutdown(sockets)
        if cut := set(self.server_state.tasks):
            await asyncio.wait(cut, timeout=_SHUTDOWN_GRACE)

    def _later(self, sig: int) -> None:
        asyncio.get_running_loop().call_later(self._drain_seconds, super().handle_exit, sig, None)


async def serve(app: FastAPI, server: uvicorn.Server) -> None:
    """Assemble the vault, then listen until stopped. Raises what assembling raises: StartRefused above all.

    The lifespan is ours and not uvicorn's, which would turn a sentence for the operator into a traceback
    in the log. ``server.config`` says ``lifespan="off"``.
    """
    # While the vault is assembled nobody else hears the signal. And uvicorn sends it to itself once more when
    # it has stopped to listen; the vault closes after that.
    before = signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    try:
        async with app.router.lifespan_context(app):
            await server.serve()
    finally:
        signal.signal(signal.SIGTERM, before)


async def _end(working: "asyncio.Task[None]", stopping: asyncio.Event) -> None:
    stopping.set()
    await working
