"""The audio of a package: the whole original, or the person's channel, decoded as it is read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from vault.domain.requests.package import ChannelOf
from vault.ports.audio import Describer
from vault.ports.objects import ObjectStore
from vault.services.requests.speakers import Spoken
from vault.services.shared.sealed_audio import SealedAudio


@dataclass(slots=True)
class _Samples:
    """The RenditionSink of one channel: what it takes is read as blocks, a few at a time."""

    channel: ChannelOf
    queue: "asyncio.Queue[bytes | None]" = field(default_factory=lambda: asyncio.Queue(maxsize=2))

    def write(self, block: bytes) -> Coroutine[Any, Any, None]:
        """Take the next bytes of the rendition."""
        return self.queue.put(self.channel.take(block))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageAudio:
    """Read the audio of recordings for a package."""

    objects: ObjectStore
    describer: Describer

    async def blocks(
        self, spoken: Spoken, *, is_whole: bool, on_echo: Callable[[], None]
    ) -> AsyncIterator[bytes]:
        """Yield the whole original, or the person's channel as a WAV file, without a byte of the other channel.

        ``on_echo`` is called if that channel has an echo of the other one.
        Raises Undecodable, DescriberCrashed, Tampered, NotFound where the store has lost it, and Unavailable.
        """
        opened = spoken.opened
        audio = opened.recording.audio
        if audio is None:
            return
        source = SealedAudio(self.objects, opened.opener(audio, "audio"), audio)
        if is_whole or spoken.channel is None:
            async for block in source.blocks():
                yield block
            return
        samples = _Samples(ChannelOf(spoken.channel, of=len(opened.recording.voices)))
        job = asyncio.create_task(self._decode(source, samples, opened.recording.account_id))
        try:
            while (mono := await samples.queue.get()) is not None:
                yield mono
            if (await job)[spoken.channel]:
                on_echo()
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)

    async def _decode(self, source: SealedAudio, samples: _Samples, account_id: str) -> Sequence[bool]:
        """Decode both channels into ``samples``; return for each whether it has an echo of the other one."""
        try:
            found = await self.describer.describe(source, samples, account_id=account_id, always=True)
        except Exception:
            # Whatever it is: the reader of the samples waits for their end.
            await samples.queue.put(None)
            raise
        await samples.queue.put(None)
        return found.echo or [False] * found.channels
