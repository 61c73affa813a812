"""The parent's side of a describer's child: the process, one end of a socket pair, and a timeout.

The child gets only the socket and an environment without the parent's variables. Killing it is always safe:
it holds no state that another process needs.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol, Self, TypeVar

from vault.audio.child import OUT_OF_MEMORY
from vault.audio.limits import Limits
from vault.audio.protocol import BLOCK, HEAD, Kind, child_head, frame
from vault.errors import DescriberCrashed, Unavailable

T = TypeVar("T")


def python_command(module: str) -> tuple[str, ...]:
    """Return the command of a module.

    ``-P -s -B``: import nothing from the working directory or the user's own packages, write no bytecode.
    """
    return (sys.executable, "-P", "-s", "-B", "-m", module)


COMMAND = python_command("vault.audio.child")
#: Seconds to wait for a dying child's exit status, which the error then reports.
REAPING = 2.0


class Clock:
    """The total time the parent may wait for a child; it runs only inside ``wait``."""

    def __init__(self, seconds: float) -> None:
        """Start with ``seconds`` remaining."""
        self.remaining = seconds

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await ``awaitable``. Raises DescriberCrashed when no time remains."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            async with asyncio.timeout(self.remaining):
                return await awaitable
        except TimeoutError as error:
            raise DescriberCrashed("The describer took too long.") from error
        finally:
            self.remaining -= loop.time() - start


class Process(Protocol):
    """What a child needs of its process."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """Return the exit status; None while it runs."""

    def kill(self) -> None:
        """Kill it."""

    async def wait(self) -> int:
        """Wait until it is reaped; return its exit status."""


async def open_streams(end: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open streams on an end of a socket pair; close it if that fails or is cancelled."""
    try:
        return await asyncio.open_connection(sock=end, limit=BLOCK)
    except BaseException:
        end.close()
        raise


async def start_confined(
    command: Sequence[str], child_end: socket.socket, limits: Limits
) -> asyncio.subprocess.Process:
    """Start a process that gets one end of a socket pair, its memory limit, and nothing else of this process."""
    return await asyncio.create_subprocess_exec(
        *command,
        str(child_end.fileno()),
        str(limits.memory),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(child_end.fileno(),),
        env=child_environment(),
    )


class Child:
    """One running child. ``spawn`` and ``begin`` return one that is ready for a job."""

    def __init__(
        self,
        process: Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Take the process and the parent's end of the socket pair."""
        self.process = process
        self.reader = reader
        self.writer = writer
        #: Number of jobs started, all for this account.
        self.jobs = 0
        self.account_id: str | None = None

    @classmethod
    async def spawn(cls, command: Sequence[str], limits: Limits) -> Self:
        """Start a child by a command, and wait until it is ready. Raises DescriberCrashed."""
        return await cls.begin(lambda child_end: start_confined(command, child_end, limits), limits)

    @classmethod
    async def begin(cls, start: Callable[[socket.socket], Awaitable[Process]], limits: Limits) -> Self:
        """Give ``start`` one end of a socket pair, and wait until its process is ready. Raises DescriberCrashed."""
        parent_end, child_end = socket.socketpair()
        with child_end:
            # Open the streams first: after the process has started, every failure must end it.
            reader, writer = await open_streams(parent_end)
            try:
                process = await start(child_end)
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
            raise DescriberCrashed("The describer's first frame was not READY.")

    async def receive(self, clock: Clock) -> tuple[Kind, bytes]:
        """Return the child's next frame. Raises DescriberCrashed."""
        try:
            kind, length = child_head(await clock.wait(self.reader.readexactly(HEAD.size)))
            return kind, await clock.wait(self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._ended() from error

    async def send(self, clock: Clock, kind: Kind, payload: bytes) -> None:
        """Send a frame and wait until the write buffer has drained. Raises DescriberCrashed."""
        try:
            self.writer.write(frame(kind, payload))
            await clock.wait(self.writer.drain())
        except ConnectionError as error:
            raise await self._ended() from error

    async def _ended(self) -> DescriberCrashed:
        """Build the error with the child's exit status, if it is known."""
        try:
            async with asyncio.timeout(REAPING):
                status = await self.process.wait()
        except TimeoutError:
            return DescriberCrashed("The describer closed the connection.")
        if status == OUT_OF_MEMORY:
            return DescriberCrashed("The describer reached its memory limit.")
        if status == -signal.SIGXCPU:
            return DescriberCrashed("The describer reached its CPU time limit.")
        return DescriberCrashed(f"The describer ended with status {status}.")

    @property
    def usable(self) -> bool:
        """Tell whether it is running and connected."""
        return self.process.returncode is None and not self.reader.at_eof() and not self.writer.is_closing()

    def kill(self) -> None:
        """Kill the process. ``gone`` reaps it."""
        self.writer.close()
        if self.process.returncode is None:
            self.process.kill()

    async def gone(self) -> None:
        """Wait until a killed child is reaped. A cancellation is delayed until then, which takes milliseconds."""
        cancelled: asyncio.CancelledError | None = None
        while self.process.returncode is None:
            try:
                await self.process.wait()
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled


async def or_unavailable(starting: Awaitable[Child]) -> Child:
    """Await the start of a child for a job. Raises Unavailable, not DescriberCrashed: the file is not the cause."""
    try:
        return await starting
    except (DescriberCrashed, OSError) as error:
        raise Unavailable("No process could be started to decode the audio.", cause="audio") from error


def child_environment() -> dict[str, str]:
    """Return the child's environment: its import path, one thread for the math libraries, and a UTF-8 locale."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    return {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
