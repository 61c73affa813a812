"""Seal an audio stream into an object, block by block, without temporary files. All audio enters the vault here.

One block is sealed and written while the next one is received. Hashing costs several times as much as sealing,
so both run in one hop to a thread.

The memory of an upload does not depend on its length. Here it is at most three blocks of BLOCK bytes, each for a
moment twice (in parts and joined, plain and sealed), 6 MiB: one is gathered while _IN_FLIGHT others are sealed and
written. A writer on S3 adds at most three parts of 8 MiB, two in flight and one that fills
(vault/objects/s3_upload.py); a writer on a directory adds nothing. The parts in flight of all uploads together are
bounded by ``S3Store.slots``; the length of one by MAX_AUDIO_BYTES, which ``gather`` counts.
The body of a ``PUT`` (vault/web/routes/recordings.py), as of a provider's answer, arrives in small pieces.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from vault import metrics
from vault.domain.recordings.media import MAX_AUDIO_BYTES
from vault.domain.recordings.recording import SealedObject
from vault.domain.stored.encryption_context import Context
from vault.errors import TooLarge
from vault.ports.objects import ObjectStore, ObjectWriter
from vault.sealing.keys import NamedKey
from vault.sealing.sealer import Sealer
from vault.thread_pools import Threads

#: Plaintext bytes sealed in one hop to a thread.
BLOCK: Final = 1024 * 1024
_IN_FLIGHT: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The sealed object of a stream, and the plaintext's SHA-256."""

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
    most: int = MAX_AUDIO_BYTES,
) -> Sealed:
    """Seal a stream into one object, which is durable when this returns.

    Raises TooLarge for more than ``most`` bytes, Unavailable, and what ``blocks`` raises; then nothing is stored.
    """
    sealer = Sealer(key, context)
    writer = await objects.create(location)
    try:
        digest = await _pump(blocks, sealer, writer, threads, most)
        await writer.finish()
    except BaseException:
        await asyncio.shield(writer.abort())
        raise
    metrics.SEALED.inc(sealer.plaintext_length)
    sealed = SealedObject(location=location, header=sealer.header, size=sealer.plaintext_length)
    return Sealed(sealed=sealed, sha256=digest)


async def _pump(
    blocks: AsyncIterator[bytes], sealer: Sealer, writer: ObjectWriter, threads: Threads, most: int
) -> bytes:
    digest = hashlib.sha256()

    def work(block: bytes) -> bytes:
        digest.update(block)
        return sealer.update(block)

    async def step(block: bytes, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        # Only the last block is smaller: a hop to a thread costs more CPU than half a millisecond on the loop.
        await writer.write(work(block) if len(block) < BLOCK else await threads.run(work, block))

    await writer.write(sealer.header)
    last: asyncio.Task[None] | None = None
    steps: list[asyncio.Task[None]] = []
    try:
        async with aclosing(gather(blocks, most=most)) as gathered:
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
    # At most one frame.
    await writer.write(sealer.finish())
    return digest.digest()


async def gather(
    blocks: AsyncIterator[bytes], size: int = BLOCK, *, most: int = MAX_AUDIO_BYTES
) -> AsyncGenerator[bytes, None]:
    """Join parts into blocks of at least ``size`` bytes, except the last one. Raises TooLarge."""
    parts: list[bytes] = []
    buffered = total = 0
    async for part in blocks:
        parts.append(part)
        buffered += len(part)
        total += len(part)
        if total > most:
            raise TooLarge(f"The recording has more than {most} bytes, the maximum.")
        if buffered >= size:
            yield parts[0] if len(parts) == 1 else b"".join(parts)
            parts, buffered = [], 0
    if buffered:
        yield b"".join(parts)
