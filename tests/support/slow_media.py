"""Media that is made while it is sent, or that comes slowly."""

import asyncio
from collections.abc import Iterable

from tests.servers.media import Exchange, Script, head


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
