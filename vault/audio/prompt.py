"""The prompt maker: converts an upload to the audio of a notice.

The upload is decoded like recordings, in a confined child (``child.py``). Prompts are rare, so each gets its own new
child, outside the describer's pool: a prompt does not wait for the decoding of a long recording, and a child that
has read untrusted bytes does no other job. The returned samples are assembled in this process.
"""

import asyncio
from collections.abc import Sequence

from vault.audio.children import COMMAND, Child, or_unavailable
from vault.audio.jobs import SpeechJob
from vault.audio.limits import Limits
from vault.audio.reasons import Reason
from vault.domain.notices.audio import MAX_SECONDS, MAX_UPLOAD, Prompt, PromptRequest
from vault.errors import Undecodable
from vault.thread_pools import Threads

#: A prompt of 30 s is decoded in a fraction of a second.
LIMITS = Limits(cpu_base=20, cpu_per_mib=4, patience=10.0, max_duration=MAX_SECONDS)
#: Maximum children at a time.
_CONCURRENCY = 2


class SubprocessPromptMaker:
    """The PromptMaker port."""

    def __init__(
        self, threads: Threads, *, limits: Limits = LIMITS, command: Sequence[str] = COMMAND
    ) -> None:
        """Assemble on ``threads``. The socket's descriptor and the memory limit are appended to ``command``."""
        self._threads = threads
        self._limits = limits
        self._command = tuple(command)
        self._slots = asyncio.Semaphore(_CONCURRENCY)

    async def make(self, upload: bytes, wish: PromptRequest) -> Prompt:
        """Make a prompt; see the port for the errors."""
        wish.check()
        if len(upload) > MAX_UPLOAD:
            raise Undecodable(f"The uploaded audio must have at most {MAX_UPLOAD >> 20} MiB.")
        if upload and wish.tone_only:
            raise Undecodable("A prompt that is only a beep must be sent without audio.")
        from vault.audio.assembling import assemble

        speech = b"" if wish.tone_only else await self._decoded(upload)
        return await self._threads.run(assemble, speech, wish)

    async def _decoded(self, upload: bytes) -> bytes:
        """Decode the upload to samples. Raises Undecodable, DescriberCrashed, Unavailable."""
        if not upload:
            raise Undecodable(Reason.EMPTY.value)
        async with self._slots:
            child = await or_unavailable(Child.spawn(self._command, self._limits))
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
