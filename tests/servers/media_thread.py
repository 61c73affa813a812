"""The scriptable media host in a thread of its own, for tests that are not async."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.media import MediaServer, Script, answer


class MediaThread:
    """A media host that other threads put audio on."""

    def __init__(self, server: MediaServer, loop: asyncio.AbstractEventLoop) -> None:
        """Use ``media_thread``."""
        self._server = server
        self._loop = loop

    @property
    def authority(self) -> str:
        """Return the entry of VAULT_MEDIA_ALLOW that makes this host reachable."""
        return self._server.authority

    def on(self, path: str, script: Script) -> str:
        """Answer ``path`` with ``script``; return the URL."""
        return self._server.on(path, script)

    def serve(self, path: str, body: bytes) -> str:
        """Hold ``body`` under ``path``; return the URL."""
        return self.on(path, answer(body, headers={"Content-Type": "audio/wav"}))

    def asked_for(self, path: str) -> int:
        """Return how many requests came for ``path``."""
        wanted = f"GET {path} ".encode()
        return sum(exchange.head.startswith(wanted) for exchange in list(self._server.exchanges))


@contextmanager
def media_thread() -> Iterator[MediaThread]:
    """Run a media host to the end of the block."""
    started, stopping = threading.Event(), asyncio.Event()
    made: list[MediaThread] = []

    async def run() -> None:
        async with MediaServer() as server:
            made.append(MediaThread(server, asyncio.get_running_loop()))
            started.set()
            await stopping.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="media host")
    thread.start()
    assert started.wait(60), "The media host did not come up."
    try:
        yield made[0]
    finally:
        made[0]._loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
