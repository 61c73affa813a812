"""The describer: a pool of confined child processes that decode untrusted audio.

A child never works for two accounts: one compromised by a recording could store its data and put it into another
account's rendition. So each account gets a new one, forked by a fork server that has imported the decoders and reads
no recording (``fork_server_process.py``): starting Python and importing them takes 0.2 s of CPU time. A child is also
replaced after a number of jobs, and immediately after its own error, a cancelled job, or a failure of the source or
sink. Accounts get a child in turn. FOR_OTHERS more are started only for accounts that use none, and where many accounts
have audio of hours, one of them gives way (``FairPlaces``): they delay no other. The children die with the parent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

from vault.audio.children import COMMAND, Child, or_unavailable
from vault.audio.fork_server import ForkServer
from vault.audio.jobs import Job, LayoutJob, MeasureJob
from vault.audio.limits import Limits
from vault.audio.reasons import Reason
from vault.domain.recordings.media import Description
from vault.domain.recordings.redaction import FrameSpan, SampleLayout, SpanMeasures
from vault.errors import DescriberCrashed, Undecodable
from vault.fair_gate import FairGate
from vault.fair_places import FairPlaces
from vault.ports.audio import AudioSource, RenditionSink

T = TypeVar("T")
#: Children beside ``size``, only for accounts that use none of them.
FOR_OTHERS: Final = 4
#: Seconds after which a job may have to give way. An hour of audio takes some seconds.
TURN: Final = 30.0


class SubprocessDescriber:
    """The Describer port with ``size`` children. Use with ``async with``, or call ``start`` and ``close``."""

    def __init__(
        self,
        *,
        size: int = 1,
        jobs_per_child: int = 200,
        limits: Limits | None = None,
        command: Sequence[str] = COMMAND,
        turn: float = TURN,
    ) -> None:
        """Start no child yet. Another ``command`` starts each child; descriptor and memory limit are appended."""
        self.size = size
        self.jobs_per_child = jobs_per_child
        self.limits = limits or Limits()
        self.command = tuple(command)
        self._gate = FairGate(FairPlaces(size, others=FOR_OTHERS, turn=turn))
        self._idle: deque[Child] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._fork_server: ForkServer | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def start(self) -> None:
        """Start all children in parallel and wait until they are ready. Raises DescriberCrashed."""
        children = await asyncio.gather(*(self._spawn() for _ in range(self.size)), return_exceptions=True)
        self._idle.extend(child for child in children if isinstance(child, Child))
        for child in children:
            if isinstance(child, BaseException):
                raise child

    async def close(self) -> None:
        """End all children and wait for them. Running jobs must be cancelled before."""
        self._closed = True
        while self._idle:
            self._end(self._idle.popleft())
        while self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=self.limits.start)
            if pending and self._fork_server is not None:
                # One that hangs kills no child: they die with it.
                self._fork_server.kill()
        if self._fork_server is not None:
            await self._fork_server.close()

    async def describe(
        self,
        source: AudioSource,
        rendition: RenditionSink,
        *,
        account_id: str,
        always: bool = False,
        find_digits: bool = False,
    ) -> Description:
        """Decode the whole source and describe it; see the port for the errors.

        When this returns, every byte of the source has been read.
        """
        return await self._run(
            account_id,
            lambda child: Job(
                child, source, rendition, self.limits, always=always, find_digits=find_digits
            ).run(),
        )

    async def layout(self, source: AudioSource, *, account_id: str) -> SampleLayout:
        """Return where the samples of the source lie; see the port for the errors."""
        return await self._run(account_id, lambda child: LayoutJob(child, source, self.limits).run())

    async def measure(
        self, source: AudioSource, spans: Sequence[FrameSpan], *, account_id: str
    ) -> SpanMeasures:
        """Decode the source and measure the spans; see the port for the errors."""
        return await self._run(account_id, lambda child: MeasureJob(child, source, spans, self.limits).run())

    async def _run(self, account_id: str, job: Callable[[Child], Awaitable[T | Reason]]) -> T:
        """Let a child of the account do a job. Raises Undecodable, DescriberCrashed, Unavailable."""
        async with self._gate.turn(account_id):
            child = await self._take(account_id)
            child.jobs += 1
            try:
                outcome = await job(child)
            except DescriberCrashed:
                # The file is retried once, which must be in a new process.
                self._end_idle_of(account_id)
                self._replace(child)
                raise
            except BaseException:
                self._replace(child)
                raise
            if child.jobs >= self.jobs_per_child:
                self._replace(child)
            else:
                self._give_back(child)
        if isinstance(outcome, Reason):
            raise Undecodable(outcome.value)
        return outcome

    async def _take(self, account_id: str) -> Child:
        """Return an idle child of the account, or a new one. Raises Unavailable."""
        for child in [child for child in self._idle if not child.usable]:
            self._idle.remove(child)
            self._end(child)
        for owner in (account_id, None):
            for child in self._idle:
                if child.account_id == owner:
                    self._idle.remove(child)
                    child.account_id = account_id
                    return child
        if self._idle:
            # Replace the longest idle child of another account.
            self._end(self._idle.popleft())
        child = await or_unavailable(self._spawn())
        child.account_id = account_id
        return child

    async def _spawn(self) -> Child:
        """Start a child. Raises DescriberCrashed and OSError."""
        if self.command != COMMAND:
            return await Child.spawn(self.command, self.limits)
        async with self._starting:
            if self._fork_server is None or not self._fork_server.usable:
                ended, self._fork_server = self._fork_server, None
                if ended is not None:
                    await ended.close()
                self._fork_server = await ForkServer.start(self.limits)
            fork_server = self._fork_server
        return await Child.begin(fork_server.fork, self.limits)

    def _end_idle_of(self, account_id: str) -> None:
        """End the idle children that have worked for the account."""
        for child in [child for child in self._idle if child.account_id == account_id]:
            self._idle.remove(child)
            self._end(child)

    def _replace(self, child: Child) -> None:
        """End the child and start another in the background."""
        self._end(child)
        self._background(self._warm_up())

    async def _warm_up(self) -> None:
        """Start an idle child. If that fails, the next job tries again and reports the error."""
        try:
            child = await self._spawn()
        except (DescriberCrashed, OSError):
            return
        self._give_back(child)

    def _give_back(self, child: Child) -> None:
        """Return the child to the pool, or end it if the pool is full or closed."""
        if self._closed or len(self._idle) >= self.size:
            self._end(child)
        else:
            self._idle.append(child)

    def _end(self, child: Child) -> None:
        """Kill the child; it is reaped in the background."""
        child.kill()
        self._background(child.gone())

    def _background(self, coroutine: Coroutine[None, None, None]) -> None:
        """Run a coroutine that ``close`` waits for."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
