"""The ASGI app that a server imports: ``uvicorn --factory vault.asgi:create``."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import uvicorn
from fastapi import FastAPI

from vault import logs
from vault.settings import Settings, read_settings
from vault.web.app import build
from vault.web.control import control_socket
from vault.web.hosting import Hosting
from vault.wiring import assemble, utc_now
from vault.worker.loop import work


def create() -> FastAPI:
    """Return the app of one process, with its worker, from the environment."""
    settings = read_settings(os.environ)
    logs.set_up(settings.log_level)
    return app_of(settings, worker=True)


def app_of(settings: Settings, *, worker: bool) -> FastAPI:
    """Return the app. Its lifespan assembles the vault, and with ``worker`` runs the loop beside it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            vault = await stack.enter_async_context(assemble(settings))
            app.state.vault = vault
            if settings.sqlite_path is not None:
                await stack.enter_async_context(control_socket(vault, settings.control_socket))
            if worker:
                task = asyncio.create_task(work(vault, workers=settings.workers))
                stack.push_async_callback(_end, task)
            yield

    hosting = Hosting(public_url=settings.public_url, trusted_proxies=settings.trusted_proxies)
    return build(hosting, utc_now, lifespan)


async def serve(app: FastAPI, server: uvicorn.Server) -> None:
    """Assemble the vault, then listen until stopped. Raises what assembling raises: StartRefused above all.

    The lifespan is ours and not uvicorn's, which would turn a sentence for the operator into a traceback
    in the log. ``server.config`` says ``lifespan="off"``.
    """
    # uvicorn sends itself the signal once more when it has stopped listening; the vault closes after that.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        async with app.router.lifespan_context(app):
            await server.serve()
    finally:
        signal.signal(signal.SIGTERM, before)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
