"""A describer's child as its parent sees it: a process, one end of a socket pair, and a clock.

The child gets that socket and an environment with nothing of the parent's in it. Killing is always safe:
a child holds nothing that anybody else needs.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from vault.audio.child import OUT_OF_MEMORY
from vault.audio.limits import Limits
from vault.audio.protocol import BLOCK, HEAD, Kind, child_head, frame
from vault.errors import DescriberCrashed, Unavailable

T = TypeVar("T")

#: ``-P -s -B``: import nothing from the working directory or the user's own packages, write no bytecode.
COMMAND = (sys.executable, "-P", "-s", "-B", "-m", "vault.audio.child")
#: Seconds that a dying child has to be reaped, so that the error can say how it died.
REAPING = 2.0


class Clock:
    """Seconds that a child may keep its parent waiting; runs only inside ``wait``."""

    def __init__(self, seconds: float) -> None:
        """Begin with all of them."""
        self.remaining = seconds

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await it. Raises DescriberCrashed once the seconds are used up."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            async with asyncio.timeout(self.remaining):
                return await awaitable
        except TimeoutError as error:
            raise DescriberCrashed("The describer took too long.") from error
        finally:
            self.remaining -= loop.time() - start


class Child:
    """One running child. ``spawn`` gives one that is ready for a job."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Take over the process and the parent's end of the socket pair."""
        self.process = process
        self.reader = reader
        self.writer = writer
        #: Jobs that it has begun, all of them for this account.
        self.jobs = 0
        self.account_id: str | None = None

    @classmethod
    async def spawn(cls, command: Sequence[str], limits: Limits) -> Self:
        """Start a child and wait until it is ready. Raises DescriberCrashed."""
        ours, theirs = socket.socketpair()
        with theirs:
            # The streams come first: once the process runs, nothing is awaited that does not end it.
            reader, writer = await asyncio.open_connection(sock=ours, limit=BLOCK)
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    str(theirs.fileno()),
                    str(limits.memory),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=_environment(),
                )
            except BaseException:
                writer.close()
                raise
        child = cls(process, reader, writer)
        try:
            await child.receive_ready(Clock(limits.start))
        except BaseException:
            child.kill()
            await child.gone()
            raise
        return child

    async def receive_ready(self, clock: Clock) -> None:
        """Wait for the child's first frame. Raises DescriberCrashed."""
        kind, _payload = await self.receive(clock)
        if kind is not Kind.READY:
            raise DescriberCrashed("The describer did not begin by being ready.")

    async def receive(self, clock: Clock) -> tuple[Kind, bytes]:
        """Return the child's next frame. Raises DescriberCrashed."""
        try:
            kind, length = child_head(await clock.wait(self.reader.readexactly(HEAD.size)))
            return kind, await clock.wait(self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._ended() from error

    async def send(self, clock: Clock, kind: Kind, payload: bytes) -> None:
        """Send a frame and wait until the child has taken most of it. Raises DescriberCrashed."""
        try:
            self.writer.write(frame(kind, payload))
            await clock.wait(self.writer.drain())
        except ConnectionError as error:
            raise await self._ended() from error

    async def _ended(self) -> DescriberCrashed:
        """Return an error that says how the child ended, where that is known."""
        try:
            async with asyncio.timeout(REAPING):
                status = await self.process.wait()
        except TimeoutError:
            return DescriberCrashed("The describer hung up.")
        if status == OUT_OF_MEMORY:
            return DescriberCrashed("The describer ran out of its memory.")
        if status == -signal.SIGXCPU:
            return DescriberCrashed("The describer ran out of its processor time.")
        return DescriberCrashed(f"The describer ended with status {status}.")

    @property
    def usable(self) -> bool:
        """Say whether it still runs and is connected."""
        return self.process.returncode is None and not self.reader.at_eof() and not self.writer.is_closing()

    def kill(self) -> None:
        """End the process now. It is reaped by ``gone``."""
        self.writer.close()
        if self.process.returncode is None:
            self.process.kill()

    async def gone(self) -> None:
        """Wait until a killed child is reaped. A cancellation is raised after that: it takes milliseconds."""
        cancelled: asyncio.CancelledError | None = None
        while self.process.returncode is None:
            try:
                await self.process.wait()
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled


async def spawn_or_unavailable(command: Sequence[str], limits: Limits) -> Child:
    """Start a child for a job. Raises Unavailable if it does not start, which is not the file's fault."""
    try:
        return await Child.spawn(command, limits)
    except (DescriberCrashed, OSError) as error:
        raise Unavailable("No process could be started to decode the audio.", cause="audio") from error


def _environment() -> dict[str, str]:
    """Return all that the child's Python needs: where to import from, and not to start threads."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
