"""The describer: a pool of warm, limited children that decode what nobody vouches for.

A child costs 0.2 s of processor time to start, so it is kept for the next job of the same account. No child
works for two accounts: one that a recording has taken over could keep what it reads and put it into another's
rendition. A child is also replaced after a number of jobs, and immediately when anything is out of order: an
error of its own, a job that was cancelled, or a source or sink that failed midway.
Jobs wait for a child in the order they came. A crash of the parent ends the children with it.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Self

from vault.audio.children import COMMAND, Child, spawn_or_unavailable
from vault.audio.jobs import Job
from vault.audio.limits import Limits
from vault.audio.reasons import Reason
from vault.domain.recordings.media import Description
from vault.errors import DescriberCrashed, Undecodable
from vault.ports.audio import AudioSource, RenditionSink


class SubprocessDescriber:
    """The Describer port on ``size`` children. Use as ``async with``, or ``start`` and ``close`` it."""

    def __init__(
        self,
        *,
        size: int = 1,
        jobs_per_child: int = 50,
        limits: Limits | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Start nothing yet. ``command`` gets the socket's number and the memory limit appended."""
        self.size = size
        self.jobs_per_child = jobs_per_child
        self.limits = limits or Limits()
        self.command = tuple(command)
        self._slots = asyncio.Semaphore(size)
        self._idle: deque[Child] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

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
        """Start all children at once and wait until they are ready. Raises DescriberCrashed."""
        children = await asyncio.gather(
            *(Child.spawn(self.command, self.limits) for _ in range(self.size)), return_exceptions=True
        )
        self._idle.extend(child for child in children if isinstance(child, Child))
        for child in children:
            if isinstance(child, BaseException):
                raise child

    async def close(self) -> None:
        """End all children and wait for them. Jobs under way must have been cancelled before."""
        self._closed = True
        while self._idle:
            self._end(self._idle.popleft())
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def describe(
        self, source: AudioSource, rendition: RenditionSink, *, account_id: str
    ) -> Description:
        """Decode the whole source and return what it is; see the port for the errors.

        Every byte of the source has been read when a description is returned.
        """
        async with self._slots:
            child = await self._take(account_id)
            child.jobs += 1
            try:
                outcome = await Job(child, source, rendition, self.limits).run()
            except DescriberCrashed:
                # The file is retried once, in a fresh process.
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
        """Return an idle child of the account, or a fresh one. Raises Unavailable."""
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
            # The idle child of another account that has waited longest is replaced.
            self._end(self._idle.popleft())
        child = await spawn_or_unavailable(self.command, self.limits)
        child.account_id = account_id
        return child

    def _end_idle_of(self, account_id: str) -> None:
        """End the idle children that have worked for the account."""
        for child in [child for child in self._idle if child.account_id == account_id]:
            self._idle.remove(child)
            self._end(child)

    def _replace(self, child: Child) -> None:
        """End the child and warm up another while nobody waits for it."""
        self._end(child)
        self._background(self._warm_up())

    async def _warm_up(self) -> None:
        """Add a child to the idle ones. Where that fails, the next job tries again and says why."""
        try:
            child = await Child.spawn(self.command, self.limits)
        except (DescriberCrashed, OSError):
            return
        self._give_back(child)

    def _give_back(self, child: Child) -> None:
        """Keep the child for the next job, unless the pool is full or closed."""
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
