"""What ends a request that waits: its client goes, or the process stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request


@asynccontextmanager
async def ending(request: Request) -> AsyncIterator["asyncio.Task[None]"]:
    """Give a task that ends when the client has gone, or the process stops."""
    task = asyncio.create_task(_end(request))
    try:
        yield task
    finally:
        task.cancel()


async def _end(request: Request) -> None:
    gone = asyncio.create_task(_gone(request))
    stopping = asyncio.create_task(request.app.state.readiness.stopping.wait())
    try:
        await asyncio.wait({gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        stopping.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
