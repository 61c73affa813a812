"""The prompt maker: an upload of whoever may draft notices becomes the audio of one.

What is uploaded is decoded where recordings are, in a limited child (``child.py``). Prompts are rare, so a child
is started for each, away from the describer's pool: nobody waits for the pass over a recording of hours, and
what has read hostile bytes does no other job. The samples that come back are put together here.
"""

import asyncio
from collections.abc import Sequence

from vault.audio.children import COMMAND, spawn_or_unavailable
from vault.audio.jobs import SpeechJob
from vault.audio.limits import Limits
from vault.audio.reasons import Reason
from vault.domain.notices.audio import MAX_SECONDS, MAX_UPLOAD, Prompt, PromptRequest
from vault.errors import Undecodable
from vault.thread_pools import Threads

#: A prompt of 30 s is decoded in a fraction of a second.
LIMITS = Limits(cpu_base=20, cpu_per_mib=4, patience=10.0, max_duration=MAX_SECONDS)
#: Children that run at once.
_CONCURRENCY = 2


class SubprocessPromptMaker:
    """The PromptMaker port."""

    def __init__(
        self, threads: Threads, *, limits: Limits = LIMITS, command: Sequence[str] = COMMAND
    ) -> None:
        """Assemble on ``threads``. ``command`` gets the socket's number and the memory limit appended."""
        self._threads = threads
        self._limits = limits
        self._command = tuple(command)
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def make(self, upload: bytes, wish: PromptRequest) -> Prompt:
        """Make a prompt; see the port for the errors."""
        wish.check()
        if len(upload) > MAX_UPLOAD:
            raise Undecodable(f"What a prompt is made of has at most {MAX_UPLOAD >> 20} MiB.")
        if upload and wish.tone_only:
            raise Undecodable("A beep alone is made of no audio, and some was sent.")
        from vault.audio.assembling import assemble

        speech = b"" if wish.tone_only else await self._decoded(upload)
        return await self._threads.run(assemble, speech, wish)

    async def _decoded(self, upload: bytes) -> bytes:
        """Return the upload as samples. Raises Undecodable, DescriberCrashed, Unavailable."""
        if not upload:
            raise Undecodable(Reason.EMPTY.value)
        async with self._slots:
            child = await spawn_or_unavailable(self._command, self._limits)
            try:
                outcome = await SpeechJob(child, _Upload(upload), self._limits).run()
            finally:
                child.kill()
                await child.gone()
        if isinstance(outcome, Reason):
            from vault.audio.assembling import TOO_LONG

            raise Undecodable(TOO_LONG if outcome is Reason.TOO_LONG else outcome.value)
        return outcome


class _Upload:
    """An AudioSource over bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    async def read(self, start: int, end: int) -> bytes:
        return self._data[start:end]
