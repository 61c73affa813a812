"""The one way in for audio: blocks come, frames go, and nothing in between touches a disk.

One block is sealed and written while the next one is being received. Hashing costs several times
what sealing does, so both happen in one hop to a thread. Memory is a few blocks, whatever the length.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from vault import metrics
from vault.domain.recordings.recording import SealedObject
from vault.domain.stored.encryption_context import Context
from vault.errors import TooLarge
from vault.ports.objects import ObjectStore, ObjectWriter
from vault.sealing.keys import NamedKey
from vault.sealing.sealer import Sealer
from vault.thread_pools import Threads

#: Plaintext bytes sealed in one hop to a thread.
BLOCK: Final = 1024 * 1024
#: Longest recording, in bytes.
MAX_BYTES: Final = 2 * 1024**3
_IN_FLIGHT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What one stream became."""

    sealed: SealedObject
    sha256: bytes


async def seal_stream(
    blocks: AsyncIterator[bytes],
    *,
    key: NamedKey,
    context: Context,
    objects: ObjectStore,
    location: str,
    threads: Threads,
) -> Sealed:
    """Seal a stream into one object that is durable when this returns.

    Raises TooLarge past MAX_BYTES, Unavailable, and whatever ``blocks`` raises; then nothing is kept.
    """
    sealer = Sealer(key, context)
    writer = await objects.create(location)
    try:
        digest = await _pump(blocks, sealer, writer, threads)
        await writer.finish()
    except BaseException:
        await asyncio.shield(writer.abort())
        raise
    metrics.SEALED.inc(sealer.plaintext_length)
    sealed = SealedObject(location=location, header=sealer.header, size=sealer.plaintext_length)
    return Sealed(sealed=sealed, sha256=digest)


async def _pump(
    blocks: AsyncIterator[bytes], sealer: Sealer, writer: ObjectWriter, threads: Threads
) -> bytes:
    digest = hashlib.sha256()

    def work(block: bytes) -> bytes:
        digest.update(block)
        return sealer.update(block)

    async def step(block: bytes, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        await writer.write(await threads.run(work, block))

    await writer.write(sealer.header)
    last: asyncio.Task[None] | None = None
    steps: list[asyncio.Task[None]] = []
    try:
        async with aclosing(gather(blocks)) as gathered:
            async for block in gathered:
                if len(steps) == _IN_FLIGHT:
                    await steps.pop(0)
                last = asyncio.create_task(step(block, last))
                steps.append(last)
        for waiting in steps:
            await waiting
    finally:
        for task in steps:
            task.cancel()
        await asyncio.gather(*steps, return_exceptions=True)
    await writer.write(await threads.run(sealer.finish))
    return digest.digest()


async def gather(blocks: AsyncIterator[bytes], size: int = BLOCK) -> AsyncGenerator[bytes, None]:
    """Join what comes into blocks of at least ``size`` bytes, the last one aside. Raises TooLarge."""
    parts: list[bytes] = []
    held = total = 0
    async for part in blocks:
        parts.append(part)
        held += len(part)
        total += len(part)
        if total > MAX_BYTES:
            raise TooLarge(f"A recording has at most {MAX_BYTES} bytes.")
        if held >= size:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            parts, held = [], 0
    if held:
        yield b"".join(parts)
