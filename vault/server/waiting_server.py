"""uvicorn's server without its poll."""

import asyncio
import socket
from contextlib import suppress
from typing import Final

import uvicorn

#: Seconds between two wakings, which renew the Date header.
_TICK: Final = 1.0


class WaitingServer(uvicorn.Server):
    """A server that waits for its end; uvicorn's own looks ten times a second, most of what an idle process costs."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Take uvicorn's configuration, without ``limit_max_requests`` and ``callback_notify``."""
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        """Whether the server stops. Any thread and any signal handler may set it."""
        return self._ending

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._ending = value
        if value and self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen until stopped."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    async def main_loop(self) -> None:
        """Keep the Date header of answers current until the server must stop."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._ended.wait()
