"""The parent's side of the describer's fork server (``fork_server_process.py``), and of the processes that it forks."""

import asyncio
import os
import signal
import socket
from collections import deque
from typing import Self

from vault.audio.children import Clock, open_streams, python_command, start_confined
from vault.audio.limits import Limits
from vault.audio.protocol import ANSWER, ORDER, Answer, Order
from vault.errors import DescriberCrashed

_COMMAND = python_command("vault.audio.fork_server_process")


class ForkedProcess:
    """A process that a fork server forked, as ``asyncio.subprocess.Process`` is one that was started."""

    def __init__(self, fork_server: "ForkServer", pid: int) -> None:
        """Note the process; it runs."""
        self.pid = pid
        self.returncode: int | None = None
        self._fork_server = fork_server
        self._ended = asyncio.Event()

    def kill(self) -> None:
        """Let the fork server kill it: only its parent knows that the number still is that of this process."""
        self._fork_server.order(Order.KILL, self.pid)

    async def wait(self) -> int:
        """Wait until it is reaped; return its exit status."""
        await self._ended.wait()
        return self.returncode or 0

    def end(self, status: int) -> None:
        """Note its exit status."""
        self.returncode = status
        self._ended.set()


class ForkServer:
    """A running fork server. ``start`` returns one that is ready."""

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter, limits: Limits,
    ) -> None:  # fmt: skip
        """Take the process, and the parent's end of the socket pair: to send on, and as streams."""
        #: Timeout of a fork in seconds.
        self.fork_seconds = limits.start
        self._process = process
        self._control = control
        self._reader, self._writer = reader, writer
        self._pending_forks = deque[asyncio.Future[ForkedProcess]]()
        self._running = dict[int, ForkedProcess]()
        self._reader_task = asyncio.get_running_loop().create_task(self._listen())

    @classmethod
    async def start(cls, limits: Limits) -> Self:
        """Start a fork server and wait until its decoders are imported. Raises DescriberCrashed and OSError."""
        parent_end, child_end = socket.socketpair()
        control = parent_end.dup()
        control.setblocking(False)
        process = writer = None
        try:
            with child_end:
                reader, writer = await open_streams(parent_end)
                process = await start_confined(_COMMAND, child_end, limits)
            await Clock(limits.start).wait(_wait_ready(reader))
        except BaseException as error:
            control.close()
            if writer is not None:
                writer.close()
            if process is not None:
                await _kill(process)
            if isinstance(error, (asyncio.IncompleteReadError, ConnectionError)):
                raise DescriberCrashed("The describer's fork server did not start.") from error
            raise
        return cls(process, control, reader, writer, limits)

    @property
    def usable(self) -> bool:
        """Tell whether it is running and connected."""
        return not self._reader_task.done() and not self._writer.is_closing()

    async def fork(self, child_end: socket.socket) -> ForkedProcess:
        """Return a new process with this end of a socket pair. Raises DescriberCrashed and OSError."""
        pending: asyncio.Future[ForkedProcess] = asyncio.get_running_loop().create_future()
        self._pending_forks.append(pending)
        if not self.order(Order.FORK, 0, child_end):
            self._pending_forks.remove(pending)
            raise DescriberCrashed("The describer's fork server ended.")
        try:
            return await Clock(self.fork_seconds).wait(pending)
        except DescriberCrashed:
            # One that hangs answers no other order either; the next ``fork`` is of a new one.
            self.kill()
            raise

    def order(self, order: Order, pid: int, descriptor: socket.socket | None = None) -> bool:
        """Send an order; return whether the fork server is there. One that does not read its orders is killed."""
        if not self.usable:
            return False
        descriptors = [] if descriptor is None else [descriptor.fileno()]
        try:
            socket.send_fds(self._control, [ORDER.pack(order, pid)], descriptors)
        except OSError:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """Kill it, and every process that it forked; ``close`` reaps it."""
        self._writer.close()
        if self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """End it, and every process that it forked; wait until it is reaped."""
        self.kill()
        await self._process.wait()
        await self._reader_task
        self._control.close()

    async def _listen(self) -> None:
        """Take its answers until it ends. Its processes end with it."""
        try:
            while True:
                kind, pid, status = ANSWER.unpack(await self._reader.readexactly(ANSWER.size))
                self._handle_answer(Answer(kind), pid, status)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except (ValueError, LookupError):
            # An unknown kind or process, or an answer to no order.
            self.kill()
        finally:
            for process in self._running.values():
                process.end(-signal.SIGKILL)
            self._running.clear()
            for pending in self._pending_forks:
                if not pending.done():
                    pending.set_exception(DescriberCrashed("The describer's fork server ended."))

    def _handle_answer(self, kind: Answer, pid: int, status: int) -> None:
        if kind is Answer.ENDED:
            self._running.pop(pid).end(status)
            return
        if kind is Answer.READY:
            raise ValueError(kind)
        pending = self._pending_forks.popleft()
        if kind is Answer.FAILED:
            if not pending.done():
                pending.set_exception(OSError(status, os.strerror(status)))
            return
        process = self._running[pid] = ForkedProcess(self, pid)
        if pending.done():
            # The caller of ``fork`` was cancelled.
            process.kill()
        else:
            pending.set_result(process)


async def _wait_ready(reader: asyncio.StreamReader) -> None:
    kind, _, _ = ANSWER.unpack(await reader.readexactly(ANSWER.size))
    if kind != Answer.READY:
        raise DescriberCrashed("The first answer of the describer's fork server is wrong.")


async def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill a process, and wait until it is reaped."""
    if process.returncode is None:
        process.kill()
    await process.wait()
