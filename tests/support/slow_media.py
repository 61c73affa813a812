"""Media that is made while it is sent, or that comes slowly."""

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.servers.media import Exchange, Script, head

#: Seconds after which audio is no longer held: its holder has failed.
_PATIENCE = 60.0


def flow(size: int, blocks: Iterable[bytes], *, pause: float = 0.0) -> Script:
    """Answer with ``blocks`` as they are made (so a generator serves once), and a pause after each."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(head(200, {"Content-Length": str(size), "Content-Type": "audio/wav"}))
        for block in blocks:
            await exchange.send(block)
            if pause:
                await asyncio.sleep(pause)

    return script


def slices(body: bytes, size: int) -> list[bytes]:
    """Cut a body into blocks."""
    return [body[start : start + size] for start in range(0, len(body), size)]


@dataclass(frozen=True, slots=True)
class Held:
    """Audio of which all but the last byte is sent, and that when somebody says so."""

    body: bytes
    #: Set when nothing but the last byte is missing.
    reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, exchange: Exchange) -> None:
        """Answer with it; another fetch of it is held no more once it was released."""
        await exchange.send(head(200, {"Content-Length": str(len(self.body)), "Content-Type": "audio/wav"}))
        await exchange.send(self.body[:-1])
        self.reached.set()
        for _ in range(int(_PATIENCE / 0.002)):
            if self._released.is_set() or exchange.gone.is_set():
                break
            await asyncio.sleep(0.002)
        await exchange.send(self.body[-1:])

    def release(self) -> None:
        """Let the last byte go."""
        self._released.set()
